//! The pool that `connect` makes.

use std::time::Duration;

use auth_core::{Auth, ClientInfo, ConnectOptions, CreateUser, Error};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::{
    assert_refused,
    support::{TestAuth, keys},
};

/// What makes of a connection one to a standby. `None`: a file has none.
fn demote(pool: &sea_orm::DatabaseConnection) -> Option<&'static str> {
    match pool.get_database_backend() {
        DbBackend::Postgres => Some("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
        DbBackend::MySql => Some("SET SESSION TRANSACTION READ ONLY"),
        _ => None,
    }
}

each_database! {
    async fn a_row_that_somebody_holds_makes_an_operation_unavailable_and_not_endless(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let impatient = ConnectOptions::new(db.url()).max_connections(2).timeout(Duration::from_millis(500));
        let impatient = Auth::builder(impatient.connect().await.unwrap(), keys());
        let impatient = impatient.clock(std::sync::Arc::new(test.clock.clone())).build().unwrap();

        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let holder = test.db.begin_with_options(options).await.unwrap();
        if test.db.get_database_backend() != DbBackend::Sqlite {
            holder.execute_unprepared("SELECT id FROM auth_session FOR UPDATE").await.unwrap();
        }
        let logout = || impatient.logout(tokens.refresh.clone(), ClientInfo::default());
        for _ in 0..3 {
            assert_refused!(logout().await, Error::Unavailable(_));
        }
        holder.rollback().await.unwrap();
        // On a busy machine half a second may be too short also for a free row; then as a client would: again.
        let mut tries = 0;
        while let Err(error) = logout().await {
            tries += 1;
            assert!(matches!(error, Error::Unavailable(_)) && tries < 50, "{error:?}");
        }
        assert_refused!(test.refresh(&tokens.refresh).await, Error::SessionLeft);
    }

    async fn a_server_that_became_read_only_is_told_apart_and_left(db: &TestDatabase) {
        let pool = ConnectOptions::new(db.url()).max_connections(1).connect().await.unwrap();
        let auth = Auth::builder(pool.clone(), keys()).build().unwrap();
        assert!(auth.can_write().await.unwrap());
        let Some(demote) = demote(&pool) else { return };
        pool.execute_unprepared(demote).await.unwrap();
        assert!(!auth.can_write().await.unwrap());
        // Whoever saw the same in this process a moment ago has closed connections already: then a second later.
        let goes_on = async { while !auth.can_write().await.unwrap() {} };
        tokio::time::timeout(Duration::from_mins(1), goes_on).await.expect("the old connection stays");
    }

    async fn a_connection_to_a_server_that_became_read_only_is_replaced_by_one_that_is_of_use(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let tokens = test.signed_in().await;
        let pool = ConnectOptions::new(db.url()).max_connections(1).connect().await.unwrap();
        let Some(demote) = demote(&pool) else { return };
        let auth = Auth::builder(pool.clone(), keys()).clock(std::sync::Arc::new(test.clock.clone())).build().unwrap();
        pool.execute_unprepared(demote).await.unwrap();
        let refresh = || auth.refresh(tokens.refresh.clone(), ClientInfo::default());
        assert_refused!(refresh().await, Error::Unavailable(_));
        // Whoever saw the same in this process a moment ago has closed connections already: then a second later.
        let goes_on = async { while refresh().await.is_err() {} };
        tokio::time::timeout(Duration::from_mins(1), goes_on).await.expect("the old connection stays");
        // And where it is told within a transaction.
        pool.execute_unprepared(demote).await.unwrap();
        let create = || auth.create_user(CreateUser::new("bob@example.com"));
        let goes_on = async { while create().await.is_err() {} };
        tokio::time::timeout(Duration::from_mins(1), goes_on).await.expect("the old connection stays");
    }
}

#[tokio::test]
async fn a_sqlite_file_has_the_options_that_a_host_would_forget() {
    let database = TestDatabase::sqlite().await;
    let db = auth_core::connect(database.url()).await.unwrap();
    for (pragma, expected) in
        [("journal_mode", "wal"), ("synchronous", "2"), ("busy_timeout", "6000"), ("foreign_keys", "1")]
    {
        let pragma = sea_orm::Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {pragma}"));
        let row = db.query_one_raw(pragma).await.unwrap().unwrap();
        let value = row
            .try_get_by_index::<String>(0)
            .or_else(|_| row.try_get_by_index::<i64>(0).map(|number| number.to_string()));
        assert_eq!(value.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_in_memory_database_is_one_for_all_operations() {
    let db = auth_core::connect("sqlite::memory:").await.unwrap();
    auth_migration::up(&db).await.unwrap();
    let auth = Auth::builder(db, keys()).build().unwrap();
    let tasks: Vec<_> = (0..5)
        .map(|number| {
            let auth = auth.clone();
            let register =
                auth_core::Register::new(format!("user{number}@example.com"), "correct horse battery");
            tokio::spawn(async move { auth.register(register).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}
