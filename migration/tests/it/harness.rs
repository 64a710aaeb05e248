use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use auth_migration::test_util::{TestDatabase, run};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, TransactionTrait as _};

auth_migration::each_database! {
    async fn tests_do_not_share_a_database(database: &TestDatabase) {
        let db = database.connect().await;
        db.execute_unprepared("CREATE TABLE mine (id integer)").await.unwrap();
    }

    async fn tests_do_not_share_a_database_with_this_one(database: &TestDatabase) {
        let db = database.connect().await;
        db.execute_unprepared("CREATE TABLE mine (id integer)").await.unwrap();
    }
}

#[test]
fn a_failed_test_leaves_no_database_sqlite() {
    a_failed_test_leaves_no_database(TestDatabase::sqlite);
}

#[test]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
fn a_failed_test_leaves_no_database_postgres() {
    a_failed_test_leaves_no_database(TestDatabase::postgres);
}

#[test]
#[ignore = "needs AUTH_TEST_MYSQL_URL"]
fn a_failed_test_leaves_no_database_mysql() {
    a_failed_test_leaves_no_database(TestDatabase::mysql);
}

fn a_failed_test_leaves_no_database(make: impl AsyncFnOnce() -> TestDatabase) {
    let url = Mutex::new(String::new());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(make, async |database: &TestDatabase| {
            database.url().clone_into(&mut url.lock().unwrap());
            // Leaked, as by a task that outlives its test: a transaction that keeps a table busy.
            let db = Box::leak(Box::new(database.connect().await));
            let transaction = Box::leak(Box::new(db.begin().await.unwrap()));
            transaction.execute_unprepared("UPDATE auth_user SET epoch = 1").await.unwrap();
            panic!("the test fails");
        });
    }));
    assert_eq!(outcome.unwrap_err().downcast_ref::<&str>(), Some(&"the test fails"));

    let url = url.into_inner().unwrap().replace("mode=rwc", "mode=rw");
    run(TestDatabase::unmigrated_sqlite, async |_: &TestDatabase| {
        let mut options = ConnectOptions::new(url);
        options.sqlx_logging(false);
        Database::connect(options).await.unwrap_err();
    });
}
