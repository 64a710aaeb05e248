use auth_migration::test_util::TestDatabase;

use crate::support::{ALL, applied, execute, schema};

auth_migration::each_database! {
    unmigrated:

    async fn a_plan_run_by_hand_gives_the_schema_that_up_gives(database: &TestDatabase) {
        let db = database.connect().await;
        auth_migration::up(&db).await.unwrap();
        let by_up = schema(&db).await;
        auth_migration::down(&db, u32::MAX).await.unwrap();

        for statement in auth_migration::plan(&db).await.unwrap() {
            execute(&db, &statement).await;
        }
        assert_eq!(schema(&db).await, by_up);
        assert_eq!(applied(&db).await, ALL);
        assert_eq!(auth_migration::plan(&db).await.unwrap(), Vec::<String>::new());
        assert_eq!(auth_migration::up(&db).await.unwrap(), Vec::<String>::new());
    }

    async fn a_plan_changes_nothing_and_names_only_what_is_missing(database: &TestDatabase) {
        let db = database.connect().await;
        let everything = auth_migration::plan(&db).await.unwrap();
        assert_eq!(schema(&db).await, Vec::<String>::new());

        auth_migration::up(&db).await.unwrap();
        auth_migration::down(&db, 1).await.unwrap();
        let before = schema(&db).await;
        let rest = auth_migration::plan(&db).await.unwrap();
        assert_eq!(schema(&db).await, before);
        assert!(everything.len() > rest.len() && everything.ends_with(&rest), "{rest:#?}");
    }

    /// As MySQL leaves it when the process dies between two statements.
    async fn up_resumes_after_every_statement_at_which_it_may_have_stopped(database: &TestDatabase) {
        let db = database.connect().await;
        let plan = auth_migration::plan(&db).await.unwrap();
        auth_migration::up(&db).await.unwrap();
        let whole = schema(&db).await;

        for done in 0..=plan.len() {
            auth_migration::down(&db, u32::MAX).await.unwrap();
            for statement in &plan[..done] {
                execute(&db, statement).await;
            }
            auth_migration::up(&db).await.unwrap_or_else(|error| panic!("after {done} statements: {error:?}"));
            assert_eq!(schema(&db).await, whole, "after {done} statements");
            assert_eq!(applied(&db).await, ALL);
        }
    }
}
