//! Two versions of the program on one database: the newer one has migrated, this is the older.

use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::support::{KEY, PATIENCE, Program};

/// All tables of ours, but the one that says which migrations there were.
async fn tables(db: &DatabaseConnection) -> Vec<String> {
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => "SELECT name AS name FROM sqlite_master WHERE type = 'table'",
        DbBackend::Postgres => {
            "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = current_schema()"
        }
        _ => {
            "SELECT CAST(table_name AS CHAR) AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
        }
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
    let names = rows.iter().map(|row| row.try_get::<String>("", "name").unwrap());
    names.filter(|name| name.starts_with("auth_") && name != "auth_migration").collect()
}

/// What a release may do: it adds a column to every table, and a table.
async fn add(db: &DatabaseConnection) {
    let tables = tables(db).await;
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
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
