//! What a service manager passes in and is told, and the units.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixDatagram as StdDatagram, UnixListener as StdUnixListener},
    },
    path::Path,
    process::Output,
};

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixDatagram, UnixStream},
    process::Command,
    time::timeout,
};

use crate::support::{Connection, PATIENCE, Program};

/// Passes standard input on as sockets 3 and so on, as systemd does.
fn with_sockets(home: &Path, count: u32) -> Program {
    let move_them = if count == 2 { "exec 3<&0 4<&0 </dev/null" } else { "exec 3<&0 </dev/null" };
    let script = format!("{move_them}; LISTEN_FDS={count} LISTEN_PID=$$ exec \"$0\"");
    Program::through(home, "sh", &["-c", &script]).env("PUBLIC_URL", "http://localhost:8000")
}

#[tokio::test]
async fn a_port_that_is_passed_in_is_served_and_stays_open_over_a_restart() {
    let home = tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap();
    for _ in 0..2 {
        // Nobody serves it at this moment.
        let mut early = TcpStream::connect(address).await.unwrap();
        let request = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        early.write_all(request).await.unwrap();
        let server = with_sockets(home.path(), 1).descriptor(port.try_clone().unwrap()).start().await;
        assert_eq!(server.address(), address.to_string());
        let mut answer = String::new();
        timeout(PATIENCE, early.read_to_string(&mut answer)).await.expect("no answer").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        server.signal("TERM").await;
        assert!(server.wait().await.0.success());
    }
}

#[tokio::test]
async fn a_unix_socket_that_is_passed_in_is_served_and_its_file_stays() {
    let home = tempdir().unwrap();
    let path = home.path().join("passed");
    let socket = StdUnixListener::bind(&path).unwrap();
    let server = with_sockets(home.path(), 1).descriptor(socket.try_clone().unwrap()).start().await;
    let mut connection = Connection::http1(UnixStream::connect(&path).await.unwrap()).await;
    assert_eq!(connection.get("/health/ready").await.status, 200);
    server.log().wait_for(&format!("listening on unix:{}", path.display())).await;
    server.signal("TERM").await;
    assert!(server.wait().await.0.success());
    assert!(path.exists(), "it belongs to whoever made it");
}

#[tokio::test]
async fn what_cannot_be_served_is_refused() {
    let home = tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = || port.try_clone().unwrap();
    let one = || with_sockets(home.path(), 1).descriptor(port());
    let datagrams = StdDatagram::bind(home.path().join("datagrams")).unwrap();
    let no_socket = tempfile::tempfile().unwrap();
    // As systemd makes them unless it is told a mode.
    let path = home.path().join("open");
    let open = StdUnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let connected = std::net::TcpStream::connect(port().local_addr().unwrap()).unwrap();
    for (program, code, expected) in [
        (one().env("PUBLIC_URL", ""), 2, "PUBLIC_URL is needed with a socket that was passed in"),
        (one().env("UNIX_SOCKET", "socket"), 2, "UNIX_SOCKET is set, and a socket was passed in too"),
        (with_sockets(home.path(), 2).descriptor(port()), 2, "LISTEN_FDS has 2 sockets, and one is served"),
        (with_sockets(home.path(), 1).descriptor(datagrams), 1, "the socket that was passed in (LISTEN_FDS)"),
        (with_sockets(home.path(), 1).descriptor(no_socket), 1, "the socket that was passed in (LISTEN_FDS)"),
        (with_sockets(home.path(), 1).descriptor(open), 2, "LISTEN_FDS has a Unix socket that everybody"),
        (
            with_sockets(home.path(), 1).descriptor(connected),
            2,
            "LISTEN_FDS has a socket that does not listen",
        ),
    ] {
        let ended = program.run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(code), 1), "{ended:?}");
        assert!(ended.stderr.starts_with(&format!("auth-server: {expected}")), "{ended:?}");
        assert!(!home.path().join("auth.db").exists());
    }
}

/// The next thing that the service manager is told.
async fn told(manager: &UnixDatagram) -> String {
    let mut message = vec![0; 1024];
    let length = timeout(PATIENCE, manager.recv(&mut message)).await.expect("nothing is told").unwrap();
    String::from_utf8(message[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn readiness_each_reload_and_the_end_are_told() {
    let home = tempdir().unwrap();
    let manager = UnixDatagram::bind(home.path().join("notify")).unwrap();
    let server = Program::in_directory(home.path()).env("NOTIFY_SOCKET", "notify").start().await;
    assert_eq!(told(&manager).await, "READY=1\n");
    assert_eq!(server.client().get("/health/ready").await.status, 200);
    // Also where the settings cannot be used: the service goes on, and is ready.
    for settings in ["", "PASSWORD_MIN_LENGTH=1"] {
        fs::write(home.path().join(".env"), settings).unwrap();
        server.signal("HUP").await;
        let reloading = told(&manager).await;
        let since_boot = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading).trim_end();
        assert!(since_boot.parse::<u64>().unwrap() > 0, "{reloading}");
        assert_eq!(told(&manager).await, "READY=1\n");
    }
    server.signal("TERM").await;
    assert_eq!(told(&manager).await, "STOPPING=1\n");
    assert!(server.wait().await.0.success());
}

#[tokio::test]
async fn a_start_that_fails_is_never_ready_and_a_manager_who_is_gone_stops_nothing() {
    let home = tempdir().unwrap();
    let manager = UnixDatagram::bind(home.path().join("notify")).unwrap();
    let program = || Program::in_directory(home.path()).env("NOTIFY_SOCKET", "notify");
    let ended = program().env("DATABASE_URL", "sqlite://missing/auth.db").run().await;
    assert_eq!(ended.code, Some(1));
    assert!(manager.try_recv(&mut [0; 64]).is_err(), "it was told that the service is ready");
    drop(manager);
    let server = program().start().await;
    server.log().wait_for("the service manager cannot be told").await;
    assert_eq!(server.client().get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_watchdog_is_kept_quiet_where_there_is_one() {
    let home = tempdir().unwrap();
    let manager = UnixDatagram::bind(home.path().join("notify")).unwrap();
    let program = Program::in_directory(home.path()).env("NOTIFY_SOCKET", "notify");
    let server = program.env("WATCHDOG_USEC", "100000").start().await;
    let mut all = [told(&manager).await, told(&manager).await, told(&manager).await];
    all.sort_unstable();
    assert_eq!(all, ["READY=1\n", "WATCHDOG=1\n", "WATCHDOG=1\n"]);
    drop(server);
}

/// The units beside this crate, with the program that was built in the place of the installed one.
fn units(home: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    for name in ["auth-server.service", "auth-server.socket"] {
        let unit = fs::read_to_string(from.join(name)).unwrap();
        let unit = unit.replace("/usr/local/bin/auth-server", env!("CARGO_BIN_EXE_auth-server"));
        fs::write(home.join(name), unit).unwrap();
    }
}

async fn analyze(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).current_dir(home).output().await.expect("systemd is installed")
}

#[tokio::test]
#[ignore = "needs systemd"]
async fn the_units_are_understood_and_leave_little_to_an_intruder() {
    let home = tempdir().unwrap();
    units(home.path());
    let verified = analyze(home.path(), &["verify", "./auth-server.service", "./auth-server.socket"]).await;
    let complaints = String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success() && complaints.is_empty(), "{complaints}");
    // In tenths, of ten: what is left is the network itself, which the service is there for.
    let secure = &["security", "--offline=true", "--threshold=15", "./auth-server.service"];
    let secure = analyze(home.path(), secure).await;
    assert!(secure.status.success(), "{}", String::from_utf8_lossy(&secure.stdout));
}

/// The system calls that the unit allows.
async fn allowed(home: &Path) -> BTreeSet<String> {
    let unit = fs::read_to_string(home.join("auth-server.service")).unwrap();
    let mut allowed = BTreeSet::new();
    for line in unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let taken_away = line.starts_with('~');
        let mut names: Vec<String> = line.trim_start_matches('~').split(' ').map(str::to_owned).collect();
        while let Some(name) = names.pop() {
            if name.starts_with('@') {
                let listed =
                    String::from_utf8(analyze(home, &["syscall-filter", &name]).await.stdout).unwrap();
                let members = listed.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#'));
                names.extend(members.filter(|line| !line.is_empty()).map(str::to_owned));
            } else if taken_away {
                allowed.remove(&name);
            } else {
                allowed.insert(name);
            }
        }
    }
    allowed
}

#[tokio::test]
#[ignore = "needs systemd and strace"]
async fn the_service_asks_the_kernel_for_nothing_that_its_unit_forbids() {
    let home = tempdir().unwrap();
    units(home.path());
    let allowed = allowed(home.path()).await;
    assert!(allowed.contains("accept4") && !allowed.contains("chroot"), "{allowed:?}");
    // As a process beside the program (`-D`), and not above it.
    let traced = ["-D", "-f", "-qq", "-o", "trace"];
    let server =
        Program::through(home.path(), "strace", &traced).env("METRICS_ADDR", "127.0.0.1:0").start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let session = server.client().refresh(&session.cookie).await.session();
    server.metrics().await;
    server.signal("HUP").await;
    server.log().wait_for("the settings were read again").await;
    assert_eq!(server.client().logout(&session.cookie).await.status, 204);
    server.signal("TERM").await;
    // For the program and for `strace`, which has its outputs too.
    assert!(server.wait().await.0.success());

    let trace = fs::read_to_string(home.path().join("trace")).unwrap();
    let called: BTreeSet<&str> = trace
        .lines()
        .filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('(').map(|(name, _)| name))
        .filter(|name| {
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })
        .collect();
    assert!(called.contains("accept4") && called.contains("setpriority"), "{called:?}");
    // SQLite gives its files to the owner of the database as root only, which the service is not.
    let forbidden: Vec<_> =
        called.iter().filter(|name| !allowed.contains(**name) && **name != "fchown").collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    // MemoryDenyWriteExecute, RestrictAddressFamilies.
    assert!(!trace.contains("PROT_WRITE|PROT_EXEC"), "memory that can be written and executed");
    let families = trace.lines().filter_map(|line| line.split_once(" socket(")?.1.split(',').next());
    let families: BTreeSet<_> = families.collect();
    assert!(
        families.iter().all(|family| ["AF_INET", "AF_INET6", "AF_UNIX"].contains(family)),
        "{families:?}"
    );
}

#[tokio::test]
#[ignore = "needs systemd"]
async fn the_program_of_systemd_that_activates_sockets_starts_it() {
    let home = tempdir().unwrap();
    let path = home.path().join("activated");
    let activate = ["--listen", path.to_str().unwrap(), "--setenv=PUBLIC_URL=http://localhost:8000"];
    let activator = Program::through(home.path(), "systemd-socket-activate", &activate).spawn();
    let connected = async {
        loop {
            match UnixStream::connect(&path).await {
                Ok(stream) => return stream,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let stream = timeout(PATIENCE, connected).await.expect("nobody listens");
    assert_eq!(Connection::http1(stream).await.get("/health/ready").await.status, 200);
    drop(activator);
}
