use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use auth_migration::test_util::{TestDatabase, run};
use sea_orm::{DatabaseConnection, DbBackend};
use tokio::task::JoinSet;

use crate::support::{ALL, applied, execute, id, insert_user, schema};

auth_migration::each_database! {
    unmigrated:

    async fn of_eight_instances_that_start_at_once_one_applies(database: &TestDatabase) {
        eight_at_once(database).await;
    }

    /// What MySQL's lock needs: left with a pooled connection, it would keep everybody else out.
    async fn an_up_that_is_dropped_at_any_moment_comes_to_its_end(database: &TestDatabase) {
        let impatient = database.connect_with(1).await;
        let other = database.connect_with(1).await;
        for polls in 1.. {
            let outcome = poll_at_most(polls, auth_migration::up(&impatient)).await;
            auth_migration::up(&other).await.unwrap();
            assert_eq!(applied(&other).await, ALL);
            if outcome.is_some() {
                break;
            }
            auth_migration::down(&other, u32::MAX).await.unwrap();
        }
    }
}

auth_migration::each_database! {
    async fn a_step_that_fails_gives_the_lock_back(database: &TestDatabase) {
        let db = database.connect().await;
        let whole = schema(&db).await;
        make_a_users_table_impossible_to_drop(&db).await;

        let error = auth_migration::down(&db, u32::MAX).await.unwrap_err();
        assert!(matches!(error, auth_migration::MigrationError::Database(_)), "{error:?}");
        // All or nothing, where changes of the schema can be rolled back.
        let left = if db.get_database_backend() == DbBackend::MySql { &ALL[..1] } else { &ALL[..] };
        assert_eq!(applied(&db).await, left);

        let other = database.connect_with(1).await;
        auth_migration::up(&other).await.unwrap();
        execute(&other, "DROP TABLE host_profile").await;
        assert_eq!(schema(&other).await, whole);
    }
}

/// A transaction that reads as of its beginning does not see what the one it waited for has done.
#[test]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
fn one_of_eight_applies_also_where_transactions_are_serializable_by_default() {
    run(TestDatabase::unmigrated_postgres, async |database: &TestDatabase| {
        let db = database.connect_with(1).await;
        let sql = "DO $$ BEGIN EXECUTE format(
            'ALTER DATABASE %I SET default_transaction_isolation TO serializable', current_database()); END $$";
        execute(&db, sql).await;
        eight_at_once(database).await;
    });
}

async fn eight_at_once(database: &TestDatabase) {
    let mut pools = Vec::new();
    for _ in 0..8 {
        pools.push(database.connect_with(1).await);
    }
    let instances: JoinSet<_> =
        pools.into_iter().map(|db| async move { auth_migration::up(&db).await.unwrap() }).collect();
    let mut outcomes = instances.join_all().await;
    outcomes.sort_unstable();
    let applying = outcomes.pop().unwrap();
    assert_eq!(applying, ALL);
    assert!(outcomes.iter().all(Vec::is_empty), "{outcomes:?}");
}

async fn make_a_users_table_impossible_to_drop(db: &DatabaseConnection) {
    let id_type = match db.get_database_backend() {
        DbBackend::Postgres => "uuid",
        DbBackend::MySql => "binary(16)",
        _ => "blob",
    };
    insert_user(db, id(1), "a@example.org").await.unwrap();
    execute(
        db,
        &format!(
            "CREATE TABLE host_profile (user_id {id_type} NOT NULL, FOREIGN KEY (user_id) REFERENCES auth_user (id))"
        ),
    )
    .await;
    execute(db, "INSERT INTO host_profile SELECT id FROM auth_user").await;
}

/// Drops the future when it is not ready after so many polls.
async fn poll_at_most<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut done = 0;
    poll_fn(move |context| {
        done += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if done >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
