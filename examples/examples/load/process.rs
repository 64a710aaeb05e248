//! Starts processes on a processor of their own, and reads from the kernel what they use.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    Failure,
    client::{Connection, request},
};

/// Where the server runs, and where the load does.
const SERVER_CPU: &str = "0";
const LOAD_CPU: &str = "1";

/// The kernel counts processor time in hundredths of a second on every Linux that there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that is measured; killed when dropped.
pub(crate) struct Measured {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

/// This process to the processor of the load; `false` where that cannot be.
pub(crate) fn pin_self() -> Result<bool, Failure> {
    let two = std::thread::available_parallelism()?.get() >= 2;
    Ok(two && taskset(&["-acp", LOAD_CPU, &std::process::id().to_string()]))
}

fn taskset(arguments: &[&str]) -> bool {
    let quiet = Command::new("taskset").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Every process of PostgreSQL to the processor of the load, and those it starts from now on; which they are.
pub(crate) fn pin_postgres() -> Vec<String> {
    let found = Command::new("pidof").arg("postgres").output();
    let found = found.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut pinned: Vec<String> = found.split_whitespace().map(str::to_owned).collect();
    pinned.retain(|id| taskset(&["-acp", LOAD_CPU, id]));
    if pinned.is_empty() {
        eprintln!("PostgreSQL is not pinned: its processes are not on this machine, or not ours to move");
    }
    pinned
}

pub(crate) fn unpin(processes: &[String]) {
    for id in processes {
        taskset(&["-acp", "0-4095", id]);
    }
}

impl Measured {
    fn start(program: &PathBuf, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self, Failure> {
        let pinned = taskset(&["-c", SERVER_CPU, "true"]);
        let mut command = if pinned { Command::new("taskset") } else { Command::new(program) };
        if pinned {
            command.args(["-c", SERVER_CPU]).arg(program);
        }
        let mut child = command
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, lines: Some(lines) })
    }

    /// One of [`limits`](crate::limits).
    pub(crate) fn limit(arguments: &[&str]) -> Result<Self, Failure> {
        Self::start(&std::env::current_exe()?, &[&["limit"], arguments].concat(), &[])
    }

    /// The server on this port, once it answers, and how long that took.
    pub(crate) async fn server(port: u16, environment: &[(&str, &str)]) -> Result<(Self, Duration), Failure> {
        let start = Instant::now();
        let mut server = Self::start(&server_binary()?, &["serve"], environment)?;
        server.read_away();
        while start.elapsed() < PATIENCE {
            if let Ok(mut connection) = Connection::open(SocketAddr::from(([127, 0, 0, 1], port))).await {
                connection.ask(&request("GET", "/health/live", "", "")).await?;
                return Ok((server, start.elapsed()));
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Err("the server does not answer".into())
    }

    /// Takes the log off its hands: a full pipe would stop the server.
    fn read_away(&mut self) {
        if let Some(mut lines) = self.lines.take() {
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        }
    }

    pub(crate) fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        if self.lines.as_mut().ok_or("nobody listens")?.read_line(&mut line)? == 0 {
            return Err("a process ended before its time".into());
        }
        Ok(line)
    }

    /// User and system time since the start, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after_name) = stat.rsplit_once(')').ok_or("no stat")?;
        let mut fields = after_name.split_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok()).ok_or("no times");
        Ok((ticks()? + ticks()?) / TICKS_PER_SECOND)
    }

    /// `VmRSS` or `VmHWM`, in MiB.
    pub(crate) fn memory(&self, which: &str) -> Result<f64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(which)).ok_or("no memory")?;
        let kib: f64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }

    /// Begins a new peak of memory.
    pub(crate) fn forget_peak(&self) -> Result<(), Failure> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Built like this program, beside it; or another one, to compare two of them.
fn server_binary() -> Result<PathBuf, Failure> {
    if let Some(other) = other_server() {
        return Ok(other);
    }
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(|examples| examples.parent()).ok_or("no target folder")?;
    Ok(folder.join("auth-server"))
}

#[expect(clippy::disallowed_methods, reason = "a program to measure with has no settings of its own")]
fn other_server() -> Option<PathBuf> {
    std::env::var_os("LOAD_SERVER").map(PathBuf::from)
}

/// Builds the server with the profile of this program.
pub(crate) fn build_server() -> Result<(), Failure> {
    if other_server().is_some() {
        return Ok(());
    }
    let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    build.args(["build", "--quiet", "--package", "auth-server"]);
    build.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if build.status()?.success() { Ok(()) } else { Err("the server cannot be built".into()) }
}

/// One that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
