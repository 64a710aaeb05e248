use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::PATIENCE;

/// A database server of the test's own, to be stopped at will. What was committed survives: it is the same directory
/// and port when it starts again.
pub(crate) struct DatabaseServer {
    kind: Kind,
    home: TempDir,
    port: u16,
    owner: Option<(u32, u32)>,
    running: Option<Child>,
    options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    MariaDb,
}

impl DatabaseServer {
    pub(crate) async fn postgres(options: &[&str]) -> Self {
        let mut server = Self::in_new_directory(Kind::Postgres, "postgres", options);
        let data = server.data();
        let initdb = server
            .command(&program("initdb"))
            .args(["--no-sync", "-A", "trust", "-U", "postgres", "--locale=C", "-E", "UTF8"])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(initdb.unwrap().success(), "initdb");
        server.start().await;
        server
    }

    pub(crate) async fn mariadb() -> Self {
        let mut server = Self::in_new_directory(Kind::MariaDb, "mysql", &[]);
        let data = server.data();
        fs::create_dir(&data).unwrap();
        server.give(&data);
        let mut install = Command::new(program("mariadb-install-db"));
        install.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        if server.owner.is_some() {
            install.arg("--user=mysql");
        }
        assert!(install.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "install");
        server.start().await;
        server
    }

    fn in_new_directory(kind: Kind, user: &str, options: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        // Neither server runs as root.
        let owner = is_root().then(|| account(user));
        let server = Self { kind, home, port, owner, running: None, options };
        server.give(server.home.path());
        server
    }

    pub(crate) fn url(&self) -> String {
        match self.kind {
            Kind::Postgres => format!("postgres://postgres@127.0.0.1:{}/postgres", self.port),
            Kind::MariaDb => format!("mysql://root@127.0.0.1:{}/auth", self.port),
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.owner {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.gid(group).uid(user);
        }
        command
    }

    pub(crate) async fn start(&mut self) {
        let (data, home, port) = (self.data(), self.home.path().display(), self.port);
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = self.command(&program("postgres"));
                command.arg("-D").arg(data).args(["-k", &home.to_string(), "-p", &port.to_string()]);
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
                for option in &self.options {
                    command.args(["-c", option]);
                }
                command
            }
            Kind::MariaDb => {
                let mut command = self.command(&program("mariadbd"));
                command.args(["--no-defaults", "--bind-address=127.0.0.1"]);
                command.arg(format!("--datadir={}", data.display())).arg(format!("--port={port}"));
                command.args([format!("--socket={home}/socket"), format!("--pid-file={home}/pid")]);
                // Found when the server starts: a database to work in.
                fs::write(self.home.path().join("init.sql"), "CREATE DATABASE IF NOT EXISTS auth;").unwrap();
                command.arg(format!("--init-file={home}/init.sql"));
                command
            }
        };
        self.running = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let answers = async {
            while TcpStream::connect(self.address()).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, answers).await.expect("the database server does not start");
    }

    /// By a signal: `INT` ends PostgreSQL after breaking its connections, `TERM` MariaDB; `KILL` is a crash.
    pub(crate) async fn stop(&mut self, signal: &str) {
        let mut running = self.running.take().expect("stopped already");
        let sent = Command::new("sh").args(["-c", &format!("kill -s {signal} {}", running.id())]).status();
        assert!(sent.unwrap().success());
        tokio::task::spawn_blocking(move || running.wait().unwrap()).await.unwrap();
        if signal == "KILL" && self.kind == Kind::Postgres {
            // Its back ends notice by themselves that it is gone, and hold the shared memory until then.
            let file = self.data().join("postmaster.pid");
            let id = fs::read_to_string(&file).unwrap().lines().next().unwrap().to_owned();
            let children = format!("while pgrep -P {id} >/dev/null; do sleep 0.05; done");
            assert!(Command::new("sh").args(["-c", &children]).status().unwrap().success());
        }
    }

    pub(crate) async fn restart(&mut self, signal: &str) {
        self.stop(signal).await;
        self.start().await;
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // An orderly end, or PostgreSQL's other processes stay for a while.
            let _ = Command::new("sh").args(["-c", &format!("kill -s QUIT {}", running.id())]).status();
            if self.kind == Kind::MariaDb {
                let _ = running.kill();
            }
            let _ = running.wait();
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

fn account(user: &str) -> (u32, u32) {
    let number = |flag| {
        let output = Command::new("id").args([flag, user]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    (number("-u"), number("-g"))
}

/// Debian keeps PostgreSQL's programs out of the usual path, and MariaDB's in that of root.
fn program(name: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.map(|version| version.unwrap().path().join("bin").join(name)).collect())
        .unwrap_or_default();
    found.sort();
    found.extend(["/usr/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(name)));
    found.retain(|file| file.exists());
    found.pop().unwrap_or_else(|| panic!("{name} is not installed"))
}
