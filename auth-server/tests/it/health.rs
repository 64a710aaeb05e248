use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::ConnectionTrait as _;
use tempfile::tempdir;
use tokio::time::{Instant, timeout};

use crate::support::{Answer, Client, KEY, PATIENCE, Program};

/// Asks until the answer has this status.
async fn ready_with(client: &Client, status: u16) -> Answer {
    let asked = async {
        loop {
            let answer = client.get("/health/ready").await;
            if answer.status == status {
                return answer;
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("readiness does not change")
}

each_database! {
    async fn readiness_follows_the_schema_and_liveness_does_not(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = Program::in_directory(home.path()).env("DATABASE_URL", database.url()).env("SECRET_KEY", KEY);
        let server = program.start().await;
        let client = server.client();
        assert_eq!(ready_with(&client, 200).await.body, serde_json::json!({"status": "ok"}));

        let db = database.connect().await;
        auth_migration::down(&db, 1).await.unwrap();
        let answer = ready_with(&client, 503).await;
        assert_eq!(answer.body, serde_json::json!({"status": "unavailable", "reason": "migrations_pending"}));
        assert_eq!(client.get("/health/live").await.status, 200);

        auth_migration::up(&db).await.unwrap();
        ready_with(&client, 200).await;
        db.close().await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_became_a_standby_is_not_ready_until_it_takes_writes_again() {
    let database = TestDatabase::postgres().await;
    let home = tempdir().unwrap();
    let program =
        Program::in_directory(home.path()).env("DATABASE_URL", database.url()).env("SECRET_KEY", KEY);
    let server = program.start().await;
    let client = server.client();
    ready_with(&client, 200).await;
    // One, which was there before.
    let db = database.connect_with(1).await;
    let name = database.url().rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    // Whoever was connected is not any more, and what takes its place cannot write.
    let set = async |setting: &str| {
        db.execute_unprepared(&format!("ALTER DATABASE {name} {setting}")).await.unwrap();
    };
    set("SET default_transaction_read_only = on").await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    db.execute_unprepared(others).await.unwrap();
    let asked = timeout(PATIENCE, async {
        while ready_with(&client, 503).await.body["reason"] != "database_read_only" {}
    });
    asked.await.expect("it is not told that nothing can be written");
    // From here on only the setting changes: the connections to what was read-only are left by the program itself.
    set("RESET default_transaction_read_only").await;
    ready_with(&client, 200).await;
    db.close().await.unwrap();
    database.drop_database().await;
}

/// The database goes away under a running server.
async fn without_database(database: TestDatabase) {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .env("DATABASE_URL", database.url())
        .env("SECRET_KEY", KEY)
        .env("DATABASE_TIMEOUT_MS", "500")
        .start()
        .await;
    let client = server.client();
    ready_with(&client, 200).await;
    database.drop_database().await;
    // A database loses one table after the other: who asks meanwhile finds the schema incomplete.
    let began = Instant::now();
    while ready_with(&client, 503).await.body["reason"] != "database_unreachable" {
        assert!(began.elapsed().as_secs() < 20, "it is not told that the database is gone");
    }
    let asked = Instant::now();
    assert_eq!(client.get("/health/live").await.status, 200);
    assert_eq!(client.get("/health/ready").await.status, 503);
    assert!(asked.elapsed().as_secs() < 5, "an answer is late");
    server.signal("TERM").await;
    assert!(server.wait().await.0.success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
async fn readiness_is_red_without_the_database_postgres() {
    without_database(TestDatabase::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs AUTH_TEST_MYSQL_URL"]
async fn readiness_is_red_without_the_database_mysql() {
    without_database(TestDatabase::mysql().await).await;
}

#[tokio::test]
async fn health_is_read_only_tells_no_version_and_is_not_cached() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client();
    for path in ["/health/live", "/health/ready"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &serde_json::json!({"status": "ok"})));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(!answer.headers.contains_key("server"));
        for client in [server.client(), server.client().http2()] {
            let head = client.send("HEAD", path, &[], "").await;
            assert_eq!(
                (head.status.as_u16(), &head.headers["content-length"]),
                (200, &"15".parse().unwrap())
            );
            assert!(head.body.is_null());
        }
        let post = client.send("POST", path, &[], "").await;
        assert_eq!((post.status.as_u16(), &post.headers["allow"]), (405, &"GET, HEAD".parse().unwrap()));
        assert_eq!(post.headers["content-type"], "application/problem+json");
    }
}
