use auth_migration::test_util::TestDatabase;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend};

use crate::support::{ALL, applied, execute, schema};

auth_migration::each_database! {
    unmigrated:

    async fn up_and_then_down_leaves_nothing_behind(database: &TestDatabase) {
        let db = database.connect().await;
        assert_eq!(auth_migration::up(&db).await.unwrap(), ALL);
        assert_ne!(schema(&db).await, Vec::<String>::new());

        let mut latest_first = ALL;
        latest_first.reverse();
        assert_eq!(auth_migration::down(&db, u32::MAX).await.unwrap(), latest_first);
        assert_eq!(schema(&db).await, Vec::<String>::new());
    }

    async fn a_second_up_applies_nothing(database: &TestDatabase) {
        let db = database.connect().await;
        auth_migration::up(&db).await.unwrap();
        let schema_after_the_first = schema(&db).await;
        assert_eq!(auth_migration::up(&db).await.unwrap(), Vec::<String>::new());
        assert_eq!(schema(&db).await, schema_after_the_first);
    }

    async fn down_takes_back_as_many_steps_as_it_was_told(database: &TestDatabase) {
        let db = database.connect().await;
        auth_migration::up(&db).await.unwrap();
        let whole = schema(&db).await;
        let latest = ALL[ALL.len() - 1];

        assert_eq!(auth_migration::down(&db, 0).await.unwrap(), Vec::<String>::new());
        assert_eq!(schema(&db).await, whole);
        assert_eq!(auth_migration::down(&db, 1).await.unwrap(), [latest]);
        assert_eq!(applied(&db).await, ALL[..ALL.len() - 1]);

        assert_eq!(auth_migration::up(&db).await.unwrap(), [latest]);
        assert_eq!(schema(&db).await, whole);
    }

    async fn down_on_an_empty_database_does_nothing(database: &TestDatabase) {
        let db = database.connect().await;
        assert_eq!(auth_migration::down(&db, 1).await.unwrap(), Vec::<String>::new());
        assert_eq!(schema(&db).await, Vec::<String>::new());
    }

    async fn status_and_plan_work_on_an_empty_database_that_may_not_be_written(database: &TestDatabase) {
        let db = read_only(database).await;
        let status = auth_migration::status(&db).await.unwrap();
        assert_eq!(status.iter().map(|migration| migration.name.as_str()).collect::<Vec<_>>(), ALL);
        assert!(status.iter().all(|migration| !migration.applied));
        assert!(!auth_migration::plan(&db).await.unwrap().is_empty());
        assert_eq!(schema(&db).await, Vec::<String>::new());
    }
}

auth_migration::each_database! {
    async fn with_nothing_to_apply_up_needs_no_right_to_write(database: &TestDatabase) {
        let db = read_only(database).await;
        assert_eq!(applied(&db).await, ALL);
        assert_eq!(auth_migration::plan(&db).await.unwrap(), Vec::<String>::new());
        // SQLite has no other lock than to begin as a writer.
        if db.get_database_backend() != DbBackend::Sqlite {
            assert_eq!(auth_migration::up(&db).await.unwrap(), Vec::<String>::new());
        }
    }
}

/// A pool whose one connection refuses every write.
async fn read_only(database: &TestDatabase) -> DatabaseConnection {
    let db = database.connect_with(1).await;
    let refuse_writes = match db.get_database_backend() {
        DbBackend::Postgres => "SET default_transaction_read_only = on",
        DbBackend::MySql => "SET SESSION TRANSACTION READ ONLY",
        _ => "PRAGMA query_only = ON",
    };
    execute(&db, refuse_writes).await;
    db.execute_unprepared("CREATE TABLE refused (id integer)").await.unwrap_err();
    db
}
