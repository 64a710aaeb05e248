use auth_migration::MigrationError;
use auth_migration::test_util::TestDatabase;

use crate::support::{execute, schema, strings};

const FUTURE: &str = "m9999_from_the_future";

auth_migration::each_database! {
    async fn a_migration_that_is_not_known_is_refused_by_name(database: &TestDatabase) {
        let db = database.connect().await;
        execute(&db, &format!("INSERT INTO auth_migration (version, applied_at) VALUES ('{FUTURE}', 1)")).await;
        // Something to apply, so that a refusal is more than having nothing to do.
        execute(&db, "DELETE FROM auth_migration WHERE version = 'm0005_auth_one_time_token'").await;
        execute(&db, "DROP TABLE auth_one_time_token").await;
        let history = "SELECT version FROM auth_migration ORDER BY version";
        let before = (schema(&db).await, strings(&db, 0, history).await);

        refused(auth_migration::up(&db).await);
        refused(auth_migration::down(&db, 1).await);
        refused(auth_migration::plan(&db).await);
        refused(auth_migration::status(&db).await);
        assert_eq!((schema(&db).await, strings(&db, 0, history).await), before);
    }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, MigrationError>) {
    let error = outcome.unwrap_err();
    let message = error.to_string();
    assert!(message.contains(FUTURE) && message.contains("run the newer version"), "{message}");
    match error {
        MigrationError::NewerSchema { unknown } => assert_eq!(unknown, [FUTURE]),
        other => panic!("another error: {other:?}"),
    }
}
