//! `auth-server health`, as a container asks.

use std::path::Path;

use tempfile::tempdir;
use tokio::time::timeout;

use crate::{
    support::{Ended, PATIENCE, Program},
    tls::Identity,
};

/// Asks with the settings of a server, and with its port.
async fn ask(home: &Path, settings: &[(&str, &str)], port: &str) -> Ended {
    let program = Program::in_directory(home).args(&["health"]).env("PORT", port);
    settings.iter().fold(program, |program, (name, value)| program.env(name, value)).run().await
}

#[tokio::test]
async fn a_server_is_asked_where_its_settings_say_and_the_exit_code_tells_whether_it_is_ready() {
    let home = tempdir().unwrap();
    // Nobody vouches for it.
    Identity::new().write(home.path());
    let public = ("PUBLIC_URL", "https://auth.example.com");
    for settings in [
        &[][..],
        &[("HOST", "127.0.0.1")],
        &[("HOST", "0.0.0.0")],
        &[("HOST", "::")],
        &[("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem"), public],
        &[("UNIX_SOCKET", "socket"), public],
        &[("UNIX_SOCKET", "socket"), ("PROXY_PROTOCOL", "v2"), public],
        &[("HOST", "127.0.0.1"), ("PROXY_PROTOCOL", "v2"), ("TRUSTED_PROXIES", "127.0.0.1")],
    ] {
        let program = settings
            .iter()
            .fold(Program::in_directory(home.path()), |program, (name, value)| program.env(name, value));
        let server = program.start().await;
        let is_port = !settings.iter().any(|(name, _)| *name == "UNIX_SOCKET");
        let port =
            if is_port { server.address().rsplit_once(':').unwrap().1.to_owned() } else { "0".to_owned() };
        let ended = ask(home.path(), settings, &port).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), "ready\n"),
            "{settings:?}: {}",
            ended.stderr
        );
        server.kill().await;
        let ended = ask(home.path(), settings, &port).await;
        assert_eq!(ended.code, Some(1), "{settings:?}");
        assert!(
            ended.stderr.contains("auth-server: health: the server does not answer: "),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_work_is_not_ready_and_the_reason_is_told() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    let down = Program::in_directory(home.path()).args(&["migrate", "down"]).run().await;
    assert_eq!(down.code, Some(0));
    // What it was told last may be half a second old.
    let not_ready = async {
        loop {
            let ended = ask(home.path(), &[], &port).await;
            if ended.code != Some(0) {
                return ended;
            }
        }
    };
    let ended = timeout(PATIENCE, not_ready).await.expect("it stays ready");
    let told = "auth-server: health: the server is not ready: migrations_pending (503 Service Unavailable)\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), told));
    let ended = ask(home.path(), &[], "0").await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("auth-server: PORT is 0, so the port"), "{}", ended.stderr);
}
