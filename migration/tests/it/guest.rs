use auth_migration::test_util::TestDatabase;
use sea_orm::DatabaseConnection;

use crate::support::{execute, schema, strings};

auth_migration::each_database! {
    unmigrated:

    async fn the_hosts_tables_and_its_migration_history_stay_as_they_are(database: &TestDatabase) {
        let db = database.connect().await;
        for sql in [
            "CREATE TABLE note (id integer PRIMARY KEY, body varchar(100) NOT NULL)",
            "CREATE INDEX note_body_idx ON note (body)",
            "INSERT INTO note VALUES (1, 'keep me')",
            "CREATE TABLE seaql_migrations (version varchar(255) PRIMARY KEY, applied_at bigint NOT NULL)",
            "INSERT INTO seaql_migrations VALUES ('m20200101_000001_of_the_host', 1577836800)",
        ] {
            execute(&db, sql).await;
        }
        let before = (schema(&db).await, rows(&db).await);

        auth_migration::up(&db).await.unwrap();
        assert_eq!(rows(&db).await, before.1);
        let (ours, hosts): (Vec<_>, Vec<_>) = schema(&db).await.into_iter().partition(|line| line.contains("auth_"));
        assert_eq!(hosts, before.0);
        assert!(!ours.is_empty());

        auth_migration::down(&db, u32::MAX).await.unwrap();
        assert_eq!((schema(&db).await, rows(&db).await), before);
    }
}

async fn rows(db: &DatabaseConnection) -> Vec<String> {
    let mut rows = strings(db, 0, "SELECT body FROM note").await;
    rows.extend(strings(db, 0, "SELECT version FROM seaql_migrations").await);
    rows
}
