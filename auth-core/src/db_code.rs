//! What the error codes of the databases mean: the only place that names them.

use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;

/// Runs what has lost a race again: a statement, or a whole transaction.
///
/// After a rest, and a longer one each time: PostgreSQL, where transactions are serializable, also cancels whoever reads
/// what another one is about to commit, and that takes as long as its disk.
pub(crate) async fn run_again<T, E, F>(work: impl Fn() -> F, is_lost: impl Fn(&E) -> bool) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    const RESTS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
    for rest in RESTS {
        match work().await {
            Err(error) if is_lost(&error) => tokio::time::sleep(Duration::from_millis(rest)).await,
            done => return done,
        }
    }
    work().await
}

/// What a code says about the statement that it answers. A code that stands in no table says "never": a bug, or a broken
/// installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The database has ended the transaction for the sake of another one: the same one, run again, may win.
    LostRace,
    /// It waited too long for others, or was told to make way. To try again at once makes it worse.
    Busy,
    /// The server is starting, stopping, full, or no part of its cluster.
    Away,
    /// This server takes no writes: it is a standby now, and its connection will never be of use again. It is closed.
    ReadOnly,
}

use Meaning::{Away, Busy, LostRace, ReadOnly};

type Table = &'static [(&'static str, Meaning)];

/// Primary and extended codes.
const SQLITE: Table = &[
    ("517", LostRace), // SQLITE_BUSY_SNAPSHOT: somebody wrote since this transaction read
    ("5", Busy),       // SQLITE_BUSY
    ("6", Busy),       // SQLITE_LOCKED
    ("261", Busy),     // SQLITE_BUSY_RECOVERY, after a crash
    ("13", Away),      // SQLITE_FULL
    ("14", Away),      // SQLITE_CANTOPEN
];

// SQLSTATE. CockroachDB and YugabyteDB speak it too; what is said of them was read, not run: both tell every lost race by
// 40001 (CockroachDB's `RETRY_` errors, YugabyteDB's conflicts), YugabyteDB a deadlock by 40P01, and CockroachDB an outcome
// that is not known by 40003, after which a transaction must not be repeated blindly.
const POSTGRES: Table = &[
    ("40001", LostRace), // serialization_failure
    ("40P01", LostRace), // deadlock_detected
    ("55P03", Busy),     // lock_not_available
    ("57014", Busy),     // query_canceled: `statement_timeout`, an operator
    ("40003", Away),     // statement_completion_unknown
    ("53100", Away),     // disk_full
    ("53200", Away),     // out_of_memory
    ("53300", Away),     // too_many_connections
    ("57P01", Away),     // admin_shutdown
    ("57P02", Away),     // crash_shutdown
    ("57P03", Away),     // cannot_connect_now: starting up
    ("25006", ReadOnly), // read_only_sql_transaction: a standby
];

// The server's numbers, because its SQLSTATE is the same for a lock timeout and a hundred other errors. Those of TiDB were
// read, not run.
#[cfg(any(test, feature = "mysql"))]
const MYSQL: Table = &[
    ("1213", LostRace), // ER_LOCK_DEADLOCK; on Galera also another node's transaction that was certified first
    ("1020", LostRace), // ER_CHECKREAD: MariaDB with `innodb_snapshot_isolation`, the default from 11.6.2 on
    ("9007", LostRace), // TiDB, ErrWriteConflict
    ("8022", LostRace), // TiDB, ErrTxnRetryable
    ("8028", LostRace), // TiDB, ErrInfoSchemaChanged: somebody migrated meanwhile
    ("1205", Busy),     // ER_LOCK_WAIT_TIMEOUT
    ("1317", Busy),     // ER_QUERY_INTERRUPTED
    ("1969", Busy),     // ER_STATEMENT_TIMEOUT, MariaDB
    ("3024", Busy),     // ER_QUERY_TIMEOUT, MySQL
    ("1021", Away),     // ER_DISK_FULL
    ("1040", Away),     // ER_CON_COUNT_ERROR
    ("1053", Away),     // ER_SERVER_SHUTDOWN
    ("1114", Away),     // ER_RECORD_FILE_FULL
    ("1180", Away), // ER_ERROR_DURING_COMMIT: such a node in the middle of it; what became of it is not known
    ("9001", Away), // TiDB, its placement driver did not answer
    ("9002", Away), // TiDB, its store did not answer
    ("9003", Away), // TiDB, its store is busy
    ("9005", Away), // TiDB, a region has no leader
    ("1290", ReadOnly), // ER_OPTION_PREVENTS_STATEMENT: `read_only`, a replica
    ("1836", ReadOnly), // ER_READ_ONLY_MODE
    ("1792", ReadOnly), // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: `tx_read_only`
    ("1047", ReadOnly), // ER_UNKNOWN_COM_ERROR: a node of a Galera cluster that is in no majority takes nothing at all
];

pub(crate) fn meaning(error: &dyn DatabaseError) -> Option<Meaning> {
    let (table, code) = entry(error)?;
    look_up(table, &code)
}

/// Whether a row could not go because others refer to it.
pub(crate) fn is_referred_to(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return false };
    // SQLITE_CONSTRAINT_FOREIGNKEY, and ..._TRIGGER, by which it keeps RESTRICT; foreign_key_violation, and from PostgreSQL 18
    // on restrict_violation; ER_ROW_IS_REFERENCED and ER_ROW_IS_REFERENCED_2.
    code(error.as_ref())
        .is_some_and(|code| ["787", "1811", "23503", "23001", "1217", "1451"].contains(&code.as_str()))
}

/// The database's own code: SQLite's number, PostgreSQL's SQLSTATE, MySQL's and MariaDB's number.
pub(crate) fn code(error: &dyn DatabaseError) -> Option<String> {
    entry(error).map(|(_, code)| code)
}

/// The numbers of SQLite and of MySQL overlap.
fn entry(error: &dyn DatabaseError) -> Option<(Table, String)> {
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some((MYSQL, error.number().to_string()));
    }
    let code = error.code()?.into_owned();
    Some((if code.len() == 5 { POSTGRES } else { SQLITE }, code))
}

fn look_up(table: Table, code: &str) -> Option<Meaning> {
    let found = table.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning);
    // SQLSTATE class 08 is "connection exception".
    found.or_else(|| (code.len() == 5 && code.starts_with("08")).then_some(Away))
}

/// What sqlx says about an error of SeaORM.
pub(crate) fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lost_a_race_what_passes_and_what_does_not_are_told_apart_for_each_database() {
        for (table, code, expected) in [
            (MYSQL, "1213", Some(LostRace)),
            (MYSQL, "1020", Some(LostRace)),
            (POSTGRES, "40001", Some(LostRace)),
            (POSTGRES, "40P01", Some(LostRace)),
            (MYSQL, "1205", Some(Busy)),
            (MYSQL, "1317", Some(Busy)),
            (MYSQL, "1969", Some(Busy)),
            (MYSQL, "3024", Some(Busy)),
            (POSTGRES, "57014", Some(Busy)),
            (MYSQL, "1047", Some(ReadOnly)),
            (MYSQL, "1180", Some(Away)),
            (POSTGRES, "08006", Some(Away)),
            (POSTGRES, "40003", Some(Away)),
            (MYSQL, "1290", Some(ReadOnly)),
            (POSTGRES, "25006", Some(ReadOnly)),
            // An input or output error of SQLite has the number of MySQL's replica.
            (SQLITE, "1290", None),
            (SQLITE, "787", None),
            (SQLITE, "1", None),
            (POSTGRES, "23503", None),
            (POSTGRES, "22001", None),
            (POSTGRES, "42P01", None),
            (MYSQL, "1146", None),
            (MYSQL, "1406", None),
            (MYSQL, "1452", None),
            (MYSQL, "08", None),
        ] {
            assert_eq!(look_up(table, code), expected, "{code}");
        }
    }

    #[test]
    fn a_code_stands_in_its_table_once() {
        for table in [SQLITE, POSTGRES, MYSQL] {
            for (code, _) in table {
                assert_eq!(table.iter().filter(|(other, _)| other == code).count(), 1, "{code}");
            }
        }
    }
}
