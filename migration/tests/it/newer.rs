use auth_migration::MigrationError;
use auth_migration::test_util::TestDatabase;
use sea_orm::DatabaseConnection;

use crate::support::{execute, schema, strings};

const FUTURE: &str = "m9999_from_the_future";
const BREAKING: &str = "m9999_from_the_future_breaking";
const HISTORY: &str = "SELECT version FROM auth_migration ORDER BY version";

auth_migration::each_database! {
    async fn beside_a_newer_version_that_only_added_an_older_one_goes_on(database: &TestDatabase) {
        let db = database.connect().await;
        remember(&db, FUTURE).await;
        execute(&db, "ALTER TABLE auth_user ADD COLUMN added BIGINT NULL").await;
        let before = (schema(&db).await, strings(&db, 0, HISTORY).await);

        assert_eq!(auth_migration::up(&db).await.unwrap(), Vec::<String>::new());
        assert_eq!(auth_migration::plan(&db).await.unwrap(), Vec::<String>::new());
        let status = auth_migration::status(&db).await.unwrap();
        assert!(status.iter().all(|migration| migration.applied));
        let newer = status.iter().filter(|migration| !migration.known).map(|migration| &*migration.name);
        assert_eq!(newer.collect::<Vec<_>>(), [FUTURE]);
        refused(FUTURE, auth_migration::down(&db, 1).await);
        assert_eq!((schema(&db).await, strings(&db, 0, HISTORY).await), before);
    }

    async fn a_newer_migration_that_breaks_is_refused_by_name(database: &TestDatabase) {
        let db = database.connect().await;
        remember(&db, BREAKING).await;
        refused(BREAKING, auth_migration::up(&db).await);
        refused(BREAKING, auth_migration::down(&db, 1).await);
        refused(BREAKING, auth_migration::plan(&db).await);
        refused(BREAKING, auth_migration::status(&db).await);
    }

    async fn an_unknown_migration_is_refused_by_name_while_a_known_one_is_missing(database: &TestDatabase) {
        let db = database.connect().await;
        remember(&db, FUTURE).await;
        // Something to apply, so that a refusal is more than having nothing to do.
        execute(&db, "DELETE FROM auth_migration WHERE version = 'm0005_auth_one_time_token'").await;
        execute(&db, "DROP TABLE auth_one_time_token").await;
        let before = (schema(&db).await, strings(&db, 0, HISTORY).await);

        refused(FUTURE, auth_migration::up(&db).await);
        refused(FUTURE, auth_migration::down(&db, 1).await);
        refused(FUTURE, auth_migration::plan(&db).await);
        refused(FUTURE, auth_migration::status(&db).await);
        assert_eq!((schema(&db).await, strings(&db, 0, HISTORY).await), before);
    }
}

async fn remember(db: &DatabaseConnection, name: &str) {
    execute(db, &format!("INSERT INTO auth_migration (version, applied_at) VALUES ('{name}', 1)")).await;
}

fn refused<T: std::fmt::Debug>(name: &str, outcome: Result<T, MigrationError>) {
    let error = outcome.unwrap_err();
    let message = error.to_string();
    assert!(message.contains(name) && message.contains("run the newer version"), "{message}");
    match error {
        MigrationError::NewerSchema { unknown } => assert_eq!(unknown, [name]),
        other => panic!("another error: {other:?}"),
    }
}
