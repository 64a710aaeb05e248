//! A Unix socket in the place of a port.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::Path,
};

use tempfile::tempdir;
use tokio::net::UnixStream;

use crate::support::{Connection, Program};

fn program(home: &Path) -> Program {
    Program::in_directory(home).env("UNIX_SOCKET", "socket").env("PUBLIC_URL", "https://auth.example.com")
}

async fn connect(home: &Path) -> Connection {
    Connection::http1(UnixStream::connect(home.join("socket")).await.unwrap()).await
}

#[tokio::test]
async fn people_sign_in_through_the_socket_and_the_proxy_says_who_they_are() {
    let home = tempdir().unwrap();
    let server = program(home.path()).start().await;
    let line = server.log().wait_for("listening on unix:socket").await;
    assert!(line.contains("try: curl -i --unix-socket socket http://localhost/register"), "{line}");
    let about = fs::symlink_metadata(home.path().join("socket")).unwrap();
    assert!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o777, 0o660);

    let mut connection = connect(home.path()).await;
    assert_eq!(connection.post_credentials("/register", &[]).await.status, 201);
    let forwarded = [("x-forwarded-for", "203.0.113.9, 198.51.100.7")];
    let session = connection.post_credentials("/login", &forwarded).await.session();
    connection.post_credentials("/login", &[]).await.session();
    let bearer = format!("Bearer {}", session.access_token);
    let sessions = connection.send("GET", "/users/me/sessions", &[("authorization", &bearer)], "").await.body;
    let mut of: Vec<_> =
        sessions["sessions"].as_array().unwrap().iter().map(|one| one["ip"].as_str()).collect();
    of.sort_unstable();
    assert_eq!(of, [None, Some("198.51.100.7")], "what the proxy says, and nothing where it says nothing");
    assert!(!server.log().lines().iter().any(|line| line.contains("outside TRUSTED_PROXIES")));

    server.signal("TERM").await;
    assert!(server.wait().await.0.success());
    assert!(!home.path().join("socket").exists(), "the file stays");
}

#[tokio::test]
async fn clients_of_whom_the_proxy_says_nothing_are_one_network_and_that_is_warned_of_once() {
    let home = tempdir().unwrap();
    let server = program(home.path()).env("THROTTLE_NETWORK_FAILURES", "3").start().await;
    let warnings = || server.log().lines().iter().filter(|line| line.contains("without an address")).count();
    let mut connection = connect(home.path()).await;
    assert_eq!(connection.get("/health/live").await.status, 200);
    assert_eq!(warnings(), 0, "whoever asks for its health is no client");
    for header in [&[][..], &[("x-forwarded-for", "unknown")], &[]] {
        assert_eq!(connection.post_credentials("/login", header).await.status, 401, "{header:?}");
    }
    for _ in 0..2 {
        assert_eq!(connection.post_credentials("/login", &[]).await.status, 429);
    }
    let known = [("x-forwarded-for", "198.51.100.7")];
    assert_eq!(connection.post_credentials("/login", &known).await.status, 401, "another network");
    server.log().wait_for("without an address in X-Forwarded-For").await;
    assert_eq!(warnings(), 1);
}

#[tokio::test]
async fn a_stale_socket_file_is_replaced_and_a_living_one_is_not() {
    let home = tempdir().unwrap();
    let server = program(home.path()).start().await;
    server.kill().await;
    assert!(home.path().join("socket").exists(), "nobody tidied up");
    let server = program(home.path()).start().await;
    assert_eq!(connect(home.path()).await.get("/health/live").await.status, 200);

    let second = program(home.path()).run().await;
    assert_eq!((second.code, second.stderr.lines().count()), (Some(1), 1), "{second:?}");
    let refusal =
        "auth-server: UNIX_SOCKET: another process listens there; stop that one or set another path";
    assert_eq!(second.stderr.trim_end(), refusal);
    assert_eq!(connect(home.path()).await.get("/health/live").await.status, 200);
    server.signal("TERM").await;
    assert!(server.wait().await.0.success());
}

#[tokio::test]
async fn another_kind_of_file_is_never_removed_nor_is_the_socket_of_another() {
    let home = tempdir().unwrap();
    let path = home.path().join("socket");
    fs::write(home.path().join("precious"), "data").unwrap();
    for make in [
        |path: &Path| fs::write(path, "data").unwrap(),
        |path: &Path| fs::create_dir(path).unwrap(),
        |path: &Path| symlink("precious", path).unwrap(),
    ] {
        make(&path);
        let ended = program(home.path()).run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(
            ended.stderr.starts_with("auth-server: UNIX_SOCKET: there is another kind of file"),
            "{ended:?}"
        );
        assert!(fs::symlink_metadata(&path).is_ok(), "it is gone");
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
    }
    assert_eq!(fs::read_to_string(home.path().join("precious")).unwrap(), "data");

    // While the server runs somebody takes the name for a socket of their own.
    let server = program(home.path()).start().await;
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    server.signal("TERM").await;
    assert!(server.wait().await.0.success());
    assert!(UnixStream::connect(&path).await.is_ok(), "the socket of another is gone");
    drop(other);
}

#[tokio::test]
async fn a_start_that_fails_leaves_no_socket_and_what_does_not_fit_a_socket_is_refused() {
    let home = tempdir().unwrap();
    for (settings, code, expected) in [
        (&[("PUBLIC_URL", "")][..], 2, "PUBLIC_URL is needed with UNIX_SOCKET"),
        (&[("DATABASE_URL", "sqlite://missing/auth.db")], 1, "auth.key: cannot be made"),
        (&[("UNIX_SOCKET", "missing/socket")], 1, "UNIX_SOCKET: the socket cannot be made: entity not found"),
    ] {
        let program = settings.iter().fold(program(home.path()), |p, (name, value)| p.env(name, value));
        let ended = program.run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(code), 1), "{ended:?}");
        assert!(ended.stderr.starts_with(&format!("auth-server: {expected}")), "{ended:?}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "something was left");
    }
}
