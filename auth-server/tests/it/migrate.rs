use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait as _, DbBackend};
use tempfile::tempdir;
use url::Url;

use crate::support::{KEY, PASSWORD, Program};

/// Runs `migrate` with nothing set but the database.
async fn migrate(database: &TestDatabase, arguments: &[&str]) -> Vec<String> {
    let home = tempdir().unwrap();
    let ended = Program::in_directory(home.path())
        .env("DATABASE_URL", database.url())
        .args(&["migrate"])
        .args(arguments)
        .run()
        .await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout.lines().map(str::to_owned).collect()
}

each_database! { unmigrated:
    async fn the_schema_goes_up_and_down_from_the_command_line(database: &TestDatabase) {
        let all_are = |lines: &[String], word: &str| !lines.is_empty() && lines.iter().all(|line| line.starts_with(word));

        assert!(all_are(&migrate(database, &["status"]).await, "pending "));
        let plan = migrate(database, &["plan"]).await;
        assert!(plan.iter().any(|line| line.to_ascii_uppercase().contains("CREATE TABLE")));
        assert!(all_are(&migrate(database, &["status"]).await, "pending "), "a plan changes nothing");

        let applied = migrate(database, &[]).await;
        assert!(all_are(&applied, "applied "));
        assert_eq!(migrate(database, &["status"]).await, applied);
        assert_eq!(migrate(database, &["plan"]).await, Vec::<String>::new());
        assert_eq!(migrate(database, &["up"]).await, ["nothing to apply"]);

        assert_eq!(migrate(database, &["down"]).await.len(), 1);
        let status = migrate(database, &["status"]).await;
        assert_eq!(status.iter().filter(|line| line.starts_with("pending ")).count(), 1);
        assert_eq!(migrate(database, &["down", "100"]).await.len(), applied.len() - 1);
        assert_eq!(migrate(database, &["down"]).await, ["nothing to take back"]);
    }
}

/// Everything that requests do, as an account of the database that can neither make nor change a table.
async fn serves_with_rows_alone(database: TestDatabase) {
    let db = database.connect_with(1).await;
    let mut url = Url::parse(database.url()).unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    let account = name.replace("auth_test_", "rows_")[..24].to_owned();
    let rows = "SELECT, INSERT, UPDATE, DELETE";
    let (make, take_away) = match db.get_database_backend() {
        DbBackend::Postgres => (
            [
                format!("CREATE ROLE {account} LOGIN PASSWORD 'rows-alone'"),
                format!("GRANT {rows} ON ALL TABLES IN SCHEMA public TO {account}"),
            ],
            [format!("DROP OWNED BY {account}"), format!("DROP ROLE {account}")],
        ),
        _ => (
            [
                format!("CREATE USER {account} IDENTIFIED BY 'rows-alone'"),
                format!("GRANT {rows} ON {name}.* TO {account}"),
            ],
            [format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}"), format!("DROP USER {account}")],
        ),
    };
    for statement in make {
        db.execute_unprepared(&statement).await.unwrap();
    }
    url.set_username(&account).unwrap();
    url.set_password(Some("rows-alone")).unwrap();

    let home = tempdir().unwrap();
    let program = || {
        let program = Program::in_directory(home.path()).env("DATABASE_URL", url.as_str());
        program.env("SECRET_KEY", KEY).env("ALGORITHM", "EdDSA")
    };
    let server = program().start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;
    let renewed = client.refresh(&session.cookie).await.session();
    let bearer = format!("Bearer {}", renewed.access_token);
    let bearer = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let password = format!(r#"{{"password":"{PASSWORD}"}}"#);
    assert_eq!(client.get("/health/ready").await.status, 200);
    assert_eq!(client.send("GET", "/users/me/events", &bearer, "").await.status, 200);
    assert_eq!(client.send("DELETE", "/users/me", &bearer, &password).await.status, 204);
    server.signal("TERM").await;
    server.wait().await;
    let refused = program().args(&["migrate", "down"]).run().await;
    assert_eq!(refused.code, Some(1), "the account may do more than it should: {refused:?}");

    for statement in take_away {
        db.execute_unprepared(&statement).await.unwrap();
    }
    db.close().await.unwrap();
    database.drop_database().await;
}

#[tokio::test]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
async fn after_the_migration_rows_are_all_that_the_database_account_may_write() {
    serves_with_rows_alone(TestDatabase::postgres().await).await;
}

#[tokio::test]
#[ignore = "needs AUTH_TEST_MYSQL_URL"]
async fn after_the_migration_rows_are_all_that_the_account_of_mysql_may_write() {
    serves_with_rows_alone(TestDatabase::mysql().await).await;
}
