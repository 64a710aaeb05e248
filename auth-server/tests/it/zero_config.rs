use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::tempdir;

use crate::support::Program;

#[tokio::test]
async fn the_first_start_needs_no_setting_and_serves_the_five_endpoints() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    assert!(server.log().wait_for("listening on").await.contains("try: curl"));
    let client = server.client();

    let registered = client.register("ada@example.com").await;
    assert_eq!(registered.status, 201);
    assert_eq!(registered.headers["location"], "/users/me");
    let session = client.login("ada@example.com").await.session();
    assert!(session.cookie.starts_with("__Host-refresh_token="));
    let me = client.me(&session.access_token).await;
    assert_eq!((me.status.as_u16(), &me.body["email"]), (200, &"ada@example.com".into()));
    let session = client.refresh(&session.cookie).await.session();
    assert_eq!(client.logout(&session.cookie).await.status, 204);
    assert_eq!(client.refresh(&session.cookie).await.status, 401);
    assert_eq!(client.me(&session.access_token).await.status, 401);

    let key = fs::read(home.path().join("auth.key")).unwrap();
    assert!(key.len() >= 64 && key.iter().all(u8::is_ascii_graphic), "the file is the key, byte for byte");
    for name in ["auth.db", "auth.key"] {
        let mode = fs::metadata(home.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn users_sessions_and_key_survive_a_kill() {
    let home = tempdir().unwrap();
    let public = ("PUBLIC_URL", "http://localhost:8000");
    let server = Program::in_directory(home.path()).env(public.0, public.1).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    let key = fs::read(home.path().join("auth.key")).unwrap();
    server.kill().await;

    let server = Program::in_directory(home.path()).env(public.0, public.1).start().await;
    let client = server.client();
    assert_eq!(fs::read(home.path().join("auth.key")).unwrap(), key);
    assert_eq!(client.me(&session.access_token).await.status, 200);
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
    assert_eq!(client.login("ada@example.com").await.status, 200);
    assert_eq!(client.register("ada@example.com").await.status, 409);
}

#[tokio::test]
async fn a_lost_key_is_replaced_with_a_warning_and_a_readable_one_is_warned_of() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    server.kill().await;
    let key = home.path().join("auth.key");
    fs::remove_file(&key).unwrap();

    let server = Program::in_directory(home.path()).start().await;
    server.log().wait_for("everyone has to sign in again").await;
    assert_eq!(server.client().refresh(&session.cookie).await.status, 401);
    assert_eq!(server.client().login("ada@example.com").await.status, 200);
    server.kill().await;

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    Program::in_directory(home.path()).start().await.log().wait_for("chmod 600 auth.key").await;
}
