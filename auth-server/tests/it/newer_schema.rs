//! Two versions of the program on one database: the newer one has migrated, this is the older.

use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::support::{KEY, PATIENCE, Program};

const TABLES: [&str; 19] = [
    "auth_user",
    "auth_password",
    "auth_user_role",
    "auth_session",
    "auth_one_time_token",
    "auth_lease",
    "auth_key",
    "auth_throttle",
    "auth_mail",
    "auth_event",
    "auth_deleted_user",
    "auth_identity",
    "auth_challenge",
    "auth_totp",
    "auth_recovery_code",
    "auth_factor_failure",
    "auth_passkey",
    "auth_passkey_challenge",
    "auth_device",
];

/// What a release may do: it adds a column to every table, and a table.
async fn add(db: &DatabaseConnection) {
    for table in TABLES {
        let column = format!("ALTER TABLE {table} ADD COLUMN added_later BIGINT NULL");
        db.execute_unprepared(&column).await.unwrap();
    }
    db.execute_unprepared("CREATE TABLE auth_later (id BIGINT NOT NULL)").await.unwrap();
    remember(db, "m9998_later").await;
}

async fn remember(db: &DatabaseConnection, name: &str) {
    let row = format!("INSERT INTO auth_migration (version, applied_at) VALUES ('{name}', 1)");
    db.execute_unprepared(&row).await.unwrap();
}

each_database! {
    async fn an_older_program_goes_on_beside_what_a_newer_one_added_and_not_beside_what_it_broke(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || {
            let program = Program::in_directory(home.path()).env("DATABASE_URL", database.url());
            program.env("SECRET_KEY", KEY).env("ALGORITHM", "EdDSA").env("PUBLIC_URL", "http://localhost:8000")
        };
        let before = program().start().await;
        let session = before.client().sign_up("ada@example.com").await;
        let db = database.connect_with(1).await;
        add(&db).await;

        let again = program().start().await;
        assert_eq!(again.client().get("/health/ready").await.status, 200);
        for server in [&before, &again] {
            let client = server.client();
            assert_eq!(client.me(&session.access_token).await.status, 200);
            client.sign_up(&format!("{}@example.com", server.id())).await;
            assert_eq!(client.login("ada@example.com").await.status, 200);
        }
        let warned = again.log().lines().into_iter().filter(|line| line.contains("a newer version")).collect::<Vec<_>>();
        assert!(matches!(&*warned, [line] if line.contains("m9998_later")), "{warned:?}");
        let ended = program().args(&["migrate", "status"]).run().await;
        assert!(ended.stdout.ends_with("\nnewer m9998_later\n"), "{ended:?}");
        let ended = program().args(&["users", "list"]).run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");

        remember(&db, "m9999_later_breaking").await;
        let client = before.client();
        let red = async {
            while client.get("/health/ready").await.status != 503 {}
        };
        timeout(PATIENCE, red).await.expect("readiness does not change");
        assert_eq!(client.get("/health/ready").await.body["reason"], "migrations_pending");
        let ended = program().run().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let refusal = ended.stderr.lines().last().unwrap();
        assert!(refusal.contains("m9999_later_breaking") && refusal.contains("run the newer version"), "{refusal}");
        db.close().await.unwrap();
    }
}
