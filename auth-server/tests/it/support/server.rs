use std::{
    io::{Seek as _, Write as _},
    os::fd::OwnedFd,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

use super::{Client, PATIENCE};

/// A command line in a working directory, with nothing in the environment but what is given.
pub(crate) struct Program {
    command: Command,
}

/// What a program that has ended leaves.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// On a free port unless told otherwise.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self::prepared(directory, Command::new(env!("CARGO_BIN_EXE_auth-server")))
    }

    /// Through another program, which becomes this one.
    pub(crate) fn through(directory: &Path, other: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(other);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_auth-server"));
        let program = Self::prepared(directory, command);
        program.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    }

    /// With a terminal for its outputs, which both become one.
    pub(crate) fn on_a_terminal(directory: &Path, words: &str) -> Self {
        let mut command = Command::new("script");
        let line = format!("exec {} {words}", env!("CARGO_BIN_EXE_auth-server"));
        command.args(["-qefO", "/dev/null", "-c", &line]);
        Self::prepared(directory, command).env("PATH", "/usr/bin:/bin").env("TERM", "xterm")
    }

    fn prepared(directory: &Path, mut command: Command) -> Self {
        command
            .env_clear()
            .env("PORT", "0")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self { command }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// What it reads from standard input, instead of nothing.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        self.command.stdin(file);
        self
    }

    /// With an open file as standard input.
    pub(crate) fn descriptor(mut self, file: impl Into<OwnedFd>) -> Self {
        self.command.stdin(file.into());
        self
    }

    /// With a file of the working directory as standard input.
    pub(crate) fn input(mut self, name: &str) -> Self {
        let directory = self.command.as_std().get_current_dir().unwrap();
        let file = std::fs::File::open(directory.join(name)).unwrap();
        self.command.stdin(file);
        self
    }

    /// For a test that ends it.
    pub(crate) fn spawn(mut self) -> Child {
        self.command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs to the end.
    pub(crate) async fn run(mut self) -> Ended {
        let output =
            timeout(PATIENCE, self.command.output()).await.expect("the program does not end").unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts the server and waits for the line that tells where it listens.
    pub(crate) async fn start(mut self) -> Server {
        let mut child = self.command.spawn().unwrap();
        let log = Log::default();
        let stdout = log.follow(child.stdout.take().unwrap());
        let stderr = log.follow(child.stderr.take().unwrap());
        let line = log.wait_for("listening on").await;
        Server { child, log, readers: [stdout, stderr], url: url_in(&line) }
    }

    /// Starts the server, reads its output up to the line that tells where it listens, and no further.
    pub(crate) async fn start_unread(mut self) -> (Child, String) {
        let mut child = self.command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        loop {
            let line =
                timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("the server has ended");
            if line.contains("listening on") {
                return (child, url_in(&line));
            }
        }
    }
}

fn url_in(line: &str) -> String {
    let is_place = |word: &&str| ["http://", "https://", "unix:"].iter().any(|start| word.starts_with(start));
    let place = line.split_whitespace().find(is_place).unwrap();
    // One of its two addresses, so that what is told of clients is the same on every machine.
    place.replacen("//localhost:", "//127.0.0.1:", 1)
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Log,
    readers: [JoinHandle<()>; 2],
    url: String,
}

impl Server {
    /// For plain sockets: `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// For pages: the origin by the name that the program goes by.
    pub(crate) fn origin(&self) -> String {
        self.url.replacen("//127.0.0.1:", "//localhost:", 1)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("the server has ended")
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// What `METRICS_ADDR` answers.
    pub(crate) async fn metrics(&self) -> String {
        let line = self.log.wait_for("metrics at").await;
        let url = line.split(['"', ' ']).find(|word| word.starts_with("http://")).unwrap();
        let answer = Client::new(url.strip_suffix("/metrics").unwrap()).get("/metrics").await;
        assert_eq!(answer.status, 200);
        answer.body.as_str().unwrap().to_owned()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// As an orchestrator does, and a user with Ctrl-C (`INT`).
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.id();
        // The shell's own `kill`: the program of this name is not on every machine.
        let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status().await.unwrap();
        assert!(sent.success());
    }

    /// No goodbye: `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end and returns everything that was written.
    pub(crate) async fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("the server does not end").unwrap();
        for reader in &mut self.readers {
            reader.await.unwrap();
        }
        (status, self.log.lines())
    }
}

/// The lines of both outputs, as they come.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    more: Arc<Notify>,
}

impl Log {
    fn follow(&self, output: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                log.lines.lock().unwrap().push(line);
                log.more.notify_waiters();
            }
        })
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The first line with this text, as soon as it is there.
    pub(crate) async fn wait_for(&self, text: &str) -> String {
        self.wait_for_nth(text, 0).await
    }

    /// The line with this text after so many others with it.
    pub(crate) async fn wait_for_nth(&self, text: &str, others: usize) -> String {
        let found = timeout(PATIENCE, async {
            loop {
                let more = self.more.notified();
                tokio::pin!(more);
                more.as_mut().enable();
                if let Some(line) = self.lines().into_iter().filter(|line| line.contains(text)).nth(others) {
                    return line;
                }
                more.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("no line with {text:?} in {:#?}", self.lines()))
    }
}
