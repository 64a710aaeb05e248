use std::time::Duration;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};

use crate::MigrationError;

/// PostgreSQL's advisory locks are numbers, counted for each database apart.
const POSTGRES_KEY: i64 = i64::from_be_bytes(*b"authmigr");

/// MySQL's are names, at most 64 characters long and shared by the whole server. The name is NULL, which
/// is refused, if the connection has chosen no database.
const MYSQL_GET_LOCK: &str =
    "SELECT GET_LOCK(CONCAT('auth_migration.', LEFT(SHA2(DATABASE(), 256), 40)), ?) AS held";
const MYSQL_RELEASE_LOCK: &str =
    "DO RELEASE_LOCK(CONCAT('auth_migration.', LEFT(SHA2(DATABASE(), 256), 40)))";

/// On a Galera cluster a lock by name is one node's. There a row is the lock: whoever of two writes it at two nodes is second, is
/// refused. How long it is somebody's who does not come back, in seconds; longer than any migration so far takes.
const CLUSTER_TURN: u64 = 5 * 60;
const CLUSTER_LOCK: [&str; 3] = [
    // A node that is behind waits before it reads or writes.
    "SET SESSION wsrep_sync_wait = 7",
    "CREATE TABLE IF NOT EXISTS auth_migration_lock (id INT NOT NULL PRIMARY KEY, held_until BIGINT NOT NULL)",
    "INSERT IGNORE INTO auth_migration_lock VALUES (1, 0)",
];
const CLUSTER_TAKE: &str = "UPDATE auth_migration_lock SET held_until = UNIX_TIMESTAMP() + ? \
                            WHERE id = 1 AND held_until < UNIX_TIMESTAMP()";
const CLUSTER_RELEASE: &str = "UPDATE auth_migration_lock SET held_until = 0 WHERE id = 1";
/// Between two looks.
const CLUSTER_REST: Duration = Duration::from_millis(200);

/// The right to change the schema, and the one connection on which to do it.
pub(crate) struct Lock {
    held: DatabaseTransaction,
    /// Whether the row of a cluster is held too.
    of_cluster: bool,
}

impl Lock {
    /// Waits up to `wait` (SQLite: up to the connection's `busy_timeout`) for whoever has it.
    pub(crate) async fn acquire(db: &DatabaseConnection, wait: Duration) -> Result<Self, MigrationError> {
        match db.get_database_backend() {
            DbBackend::Postgres => postgres(db, wait).await,
            DbBackend::MySql => mysql(db, wait).await,
            _ => sqlite(db).await,
        }
    }

    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.held
    }

    /// Ends the work: keeps what was done if it succeeded, and lets the next one in either way.
    pub(crate) async fn release<T>(self, outcome: Result<T, MigrationError>) -> Result<T, MigrationError> {
        let released = match self.held.get_database_backend() {
            DbBackend::MySql => release_mysql(&self.held, self.of_cluster).await,
            _ => Ok(()),
        };
        // The error of the work comes first: it is the cause of the others, if there are any.
        match outcome {
            Ok(done) => {
                self.held.commit().await?;
                released?;
                Ok(done)
            }
            Err(error) => {
                // What cannot be rolled back is a connection that has died, and its lock with it.
                let _ = self.held.rollback().await;
                Err(error)
            }
        }
    }
}

/// The lock is the transaction's; it ends with it, whatever happens. `lock_timeout` also bounds the wait for
/// a table that somebody else is using.
async fn postgres(db: &DatabaseConnection, wait: Duration) -> Result<Lock, MigrationError> {
    let options = TransactionOptions {
        // After the wait the history must be read as it is then, not as it was before.
        isolation_level: Some(IsolationLevel::ReadCommitted),
        ..TransactionOptions::default()
    };
    let held = db.begin_with_options(options).await?;
    let timeout = wait.as_millis().to_string();
    held.query_one_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT set_config('lock_timeout', $1, true)",
        [timeout.into()],
    ))
    .await?;
    // A limit that suits requests would cut off a migration of a large table, or the wait for another instance's.
    held.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
    held.execute_raw(Statement::from_sql_and_values(
        DbBackend::Postgres,
        "SELECT pg_advisory_xact_lock($1)",
        [POSTGRES_KEY.into()],
    ))
    .await
    .map_err(|error| timeout_or(error, &["55P03"]))?;
    Ok(Lock { held, of_cluster: false })
}

/// The lock is the connection's, and a transaction is the way to hold on to a connection. It is ended at once:
/// MySQL commits at every change of the schema anyway.
async fn mysql(db: &DatabaseConnection, wait: Duration) -> Result<Lock, MigrationError> {
    let held = db.begin_with_options(TransactionOptions::default()).await?;
    held.execute_unprepared("COMMIT").await?;
    let row = held
        .query_one_raw(Statement::from_sql_and_values(
            DbBackend::MySql,
            MYSQL_GET_LOCK,
            [wait.as_secs().into()],
        ))
        .await?;
    match row.map(|row| row.try_get::<Option<i64>>("", "held")).transpose()?.flatten() {
        Some(1) if is_of_cluster(&held).await? => {
            if let Err(error) = take_cluster(&held, wait).await {
                release_mysql(&held, false).await?;
                return Err(error);
            }
            Ok(Lock { held, of_cluster: true })
        }
        Some(1) => Ok(Lock { held, of_cluster: false }),
        Some(_) => Err(MigrationError::LockTimeout),
        None => Err(DbErr::Migration("GET_LOCK failed; is a database chosen?".to_owned()).into()),
    }
}

async fn release_mysql(held: &DatabaseTransaction, of_cluster: bool) -> Result<(), DbErr> {
    let row = if of_cluster { held.execute_unprepared(CLUSTER_RELEASE).await.map(drop) } else { Ok(()) };
    held.execute_unprepared(MYSQL_RELEASE_LOCK).await?;
    row
}

async fn is_of_cluster(db: &DatabaseTransaction) -> Result<bool, DbErr> {
    let cluster = "SHOW SESSION VARIABLES WHERE Variable_name = 'wsrep_on' AND Value = 'ON'";
    Ok(db.query_one_raw(Statement::from_string(DbBackend::MySql, cluster)).await?.is_some())
}

async fn take_cluster(db: &DatabaseTransaction, wait: Duration) -> Result<(), MigrationError> {
    for statement in CLUSTER_LOCK {
        db.execute_unprepared(statement).await?;
    }
    let mut left = wait;
    loop {
        let take = Statement::from_sql_and_values(DbBackend::MySql, CLUSTER_TAKE, [CLUSTER_TURN.into()]);
        match db.execute_raw(take).await {
            Ok(taken) if taken.rows_affected() > 0 => return Ok(()),
            Ok(_) => {}
            // Another node was first.
            Err(error) if database_code(&error).is_some_and(|code| code == "40001") => {}
            Err(error) => return Err(error.into()),
        }
        left = left.checked_sub(CLUSTER_REST).ok_or(MigrationError::LockTimeout)?;
        tokio::time::sleep(CLUSTER_REST).await;
    }
}

/// SQLite lets one connection write at a time; to begin as a writer is the lock.
async fn sqlite(db: &DatabaseConnection) -> Result<Lock, MigrationError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    // SQLITE_BUSY, and SQLITE_BUSY_RECOVERY after a crash.
    let held = db.begin_with_options(options).await.map_err(|error| timeout_or(error, &["5", "261"]))?;
    Ok(Lock { held, of_cluster: false })
}

fn timeout_or(error: DbErr, codes: &[&str]) -> MigrationError {
    match database_code(&error) {
        Some(code) if codes.contains(&code.as_str()) => MigrationError::LockTimeout,
        _ => MigrationError::Database(error),
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
fn database_code(error: &DbErr) -> Option<String> {
    use sea_orm::RuntimeErr;

    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error.as_database_error()?.code()?.into_owned()),
        _ => None,
    }
}

/// Without a database there is no error of one.
#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn database_code(_: &DbErr) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, TransactionTrait as _};

    use super::Lock;
    use crate::MigrationError;
    use crate::test_util::{TestDatabase, run};

    const SHORT: Duration = Duration::from_secs(1);

    crate::each_database! {
        unmigrated:
        async fn the_lock_is_given_once_and_again_after_its_release(database: &TestDatabase) {
            let (first, second) = (database.connect_with(1).await, impatient(database).await);
            let held = Lock::acquire(&first, SHORT).await.unwrap_or_else(|error| panic!("{error}"));
            assert!(matches!(Lock::acquire(&second, SHORT).await, Err(MigrationError::LockTimeout)));

            held.release(Ok(())).await.unwrap();
            let held = Lock::acquire(&second, SHORT).await.unwrap_or_else(|error| panic!("{error}"));
            held.release(Err::<(), _>(MigrationError::Interrupted)).await.unwrap_err();
            let held = Lock::acquire(&first, SHORT).await.unwrap_or_else(|error| panic!("{error}"));
            held.release(Ok(())).await.unwrap();
        }
    }

    #[test]
    #[ignore = "needs AUTH_TEST_POSTGRES_URL"]
    fn two_databases_of_one_server_do_not_wait_for_each_other_postgres() {
        run(TestDatabase::unmigrated_postgres, async |database: &TestDatabase| {
            both_are_locked_at_once(database, TestDatabase::unmigrated_postgres().await).await;
        });
    }

    #[test]
    #[ignore = "needs AUTH_TEST_MYSQL_URL"]
    fn two_databases_of_one_server_do_not_wait_for_each_other_mysql() {
        run(TestDatabase::unmigrated_mysql, async |database: &TestDatabase| {
            both_are_locked_at_once(database, TestDatabase::unmigrated_mysql().await).await;
        });
    }

    #[test]
    #[ignore = "needs AUTH_TEST_MYSQL_URL"]
    fn the_row_of_a_cluster_is_given_once_and_again_after_its_release_mysql() {
        run(TestDatabase::unmigrated_mysql, async |database: &TestDatabase| {
            let (first, second) = (database.connect_with(1).await, database.connect_with(1).await);
            let first = first.begin().await.unwrap();
            let second = second.begin().await.unwrap();
            for held in [&first, &second] {
                held.execute_unprepared("COMMIT").await.unwrap();
            }
            super::take_cluster(&first, SHORT).await.unwrap();
            let refused = super::take_cluster(&second, SHORT).await;
            assert!(matches!(refused, Err(MigrationError::LockTimeout)));
            super::release_mysql(&first, true).await.unwrap();
            super::take_cluster(&second, SHORT).await.unwrap();
        });
    }

    async fn both_are_locked_at_once(one: &TestDatabase, other: TestDatabase) {
        let (first, second) = (one.connect_with(1).await, other.connect_with(1).await);
        let outcomes = (Lock::acquire(&first, SHORT).await, Lock::acquire(&second, SHORT).await);
        other.drop_database().await;
        assert!(outcomes.0.is_ok() && outcomes.1.is_ok());
    }

    /// A pool of one connection that does not wait, where waiting is the connection's own affair.
    async fn impatient(database: &TestDatabase) -> DatabaseConnection {
        let db = database.connect_with(1).await;
        if db.get_database_backend() == DbBackend::Sqlite {
            db.execute_unprepared("PRAGMA busy_timeout = 0").await.unwrap();
        }
        db
    }
}
