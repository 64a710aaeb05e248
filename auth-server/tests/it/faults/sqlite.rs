use std::{fs, process::Command};

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use tempfile::tempdir;

use super::program;
use crate::support::Program;

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_503_for_what_writes_and_nothing_for_what_reads() {
    let home = tempdir().unwrap();
    let url = format!("sqlite://{}/auth.db?mode=rwc", home.path().display());
    let server = program(home.path(), &url).env("DATABASE_TIMEOUT_MS", "500").start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;

    let other = auth_core::connect(&url).await.unwrap();
    let lock = other.begin().await.unwrap();
    lock.execute_unprepared("UPDATE auth_user SET updated_at = updated_at").await.unwrap();
    for answer in [client.refresh(&session.cookie).await, client.register("bob@example.com").await] {
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (503, &"unavailable".into()));
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(client.me(&session.access_token).await.status, 200, "reads go on");

    lock.rollback().await.unwrap();
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
    assert_eq!(client.register("bob@example.com").await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the right to mount a file system"]
async fn a_full_disk_is_503_and_loses_nothing() {
    let home = tempdir().unwrap();
    let disk = home.path().join("disk");
    fs::create_dir(&disk).unwrap();
    // In a namespace of its own: the mount ends with the server.
    let script = r#"mount -t tmpfs -o size=4m none "$0" && exec "$@""#;
    let url = format!("sqlite://{}/auth.db?mode=rwc", disk.display());
    let server = Program::through(
        home.path(),
        "unshare",
        &["--mount", "--user", "--map-root-user", "sh", "-c", script, disk.to_str().unwrap()],
    )
    .env("DATABASE_URL", &url)
    .env("SECRET_KEY", "kT0wYx8mZr3QvN5uLb7JcHf2GdSaPe9i-RqWtXnMoKlVzBhC4")
    .env("PUBLIC_URL", "http://localhost:8000")
    .start()
    .await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;

    let inside = format!("/proc/{}/root{}", server.id(), disk.display());
    let filler = format!("{inside}/filler");
    let fill = Command::new("sh").args(["-c", &format!("cat /dev/zero > {filler}")]).output().unwrap();
    assert!(!fill.status.success(), "the disk is not as small as it should be");
    let mut refused = 0;
    for number in 0..20 {
        // A write may still find room in what the log of the database has already.
        let answer = client.register(&format!("person{number}@example.com")).await;
        match answer.status.as_u16() {
            201 => {}
            503 => refused += 1,
            other => panic!("{other}: {answer:?}"),
        }
    }
    assert!(refused > 0, "the disk was never full");
    let read = client.me(&session.access_token).await;
    assert_eq!(read.status, 200, "reads go on: {:#?}", server.log().lines());

    fs::remove_file(&filler).unwrap();
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
    for number in 0..20 {
        let again = client.register(&format!("person{number}@example.com")).await;
        assert!(matches!(again.status.as_u16(), 201 | 409), "half a user is left: {again:?}");
        let answer = client.login(&format!("person{number}@example.com")).await;
        assert_eq!(answer.status, 200, "{answer:?} {:#?}", server.log().lines());
    }
}
