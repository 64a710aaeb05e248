//! A real SMTP server: Debian's `aiosmtpd`, which puts what it gets into a mail folder.

use std::{fs, net::TcpListener, path::PathBuf, process::Stdio, time::Duration};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::PATIENCE;

pub(crate) struct SmtpServer {
    port: u16,
    home: TempDir,
    process: Option<Child>,
}

/// A mail as it lies in the folder.
#[derive(Debug)]
pub(crate) struct Received {
    whole: String,
}

impl SmtpServer {
    /// A port and a folder; nobody listens yet.
    pub(crate) fn prepared() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, home: TempDir::new().unwrap(), process: None }
    }

    pub(crate) async fn started() -> Self {
        let mut server = Self::prepared();
        server.start().await;
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("mails")
    }

    pub(crate) async fn start(&mut self) {
        let address = format!("127.0.0.1:{}", self.port);
        // The system's Python, for which the package is.
        let process = Command::new("/usr/bin/python3")
            .args(["-m", "aiosmtpd", "-n", "-l", &address, "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(self.folder())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("python3-aiosmtpd is installed");
        self.process = Some(process);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&address).await.is_err() {
            assert!(Instant::now() < deadline, "the SMTP server does not listen");
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }

    pub(crate) fn mails(&self) -> Vec<Received> {
        let Ok(entries) = fs::read_dir(self.folder().join("new")) else { return Vec::new() };
        let read = |entry: std::io::Result<fs::DirEntry>| fs::read_to_string(entry.unwrap().path()).unwrap();
        entries.map(|entry| Received { whole: read(entry) }).collect()
    }

    /// The only mail to this address with this in its subject, as soon as it is there.
    pub(crate) async fn mail(&self, to: &str, subject: &str) -> Received {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut mails = self.mails();
            mails.retain(|mail| mail.is_to(to) && mail.header("Subject").contains(subject));
            assert!(mails.len() < 2, "{mails:?}");
            if let Some(mail) = mails.pop() {
                return mail;
            }
            assert!(Instant::now() < deadline, "no mail; there are {:?}", self.mails());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> String {
        let start = format!("{name}: ");
        self.whole.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
    }

    pub(crate) fn is_to(&self, address: &str) -> bool {
        self.header("To") == address
    }

    /// Both parts, with the line breaks that the encoding puts in taken out.
    pub(crate) fn text(&self) -> String {
        self.whole.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
    }

    /// The token of the link.
    pub(crate) fn token(&self) -> String {
        let text = self.text();
        let (_, rest) = text.split_once("#token=").expect("a link");
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
    }
}
