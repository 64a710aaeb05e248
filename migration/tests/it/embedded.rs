use auth_migration::Migrator;
use auth_migration::test_util::TestDatabase;
use sea_orm_migration::MigratorTrait as _;

use crate::support::{ALL, applied, schema};

auth_migration::each_database! {
    unmigrated:

    async fn a_host_may_run_the_migrations_itself(database: &TestDatabase) {
        let db = database.connect().await;
        Migrator::up(&db, None).await.unwrap();
        assert_eq!(applied(&db).await, ALL);
        let by_host = schema(&db).await;

        auth_migration::down(&db, u32::MAX).await.unwrap();
        auth_migration::up(&db).await.unwrap();
        assert_eq!(schema(&db).await, by_host);
    }
}

auth_migration::each_database! {
    async fn what_would_empty_the_database_is_refused(database: &TestDatabase) {
        let db = database.connect().await;
        let before = schema(&db).await;
        Migrator::fresh(&db).await.unwrap_err();
        Migrator::refresh(&db).await.unwrap_err();
        assert_eq!(schema(&db).await, before);
        assert_eq!(applied(&db).await, ALL);
    }
}
