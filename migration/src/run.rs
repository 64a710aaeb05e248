use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseTransaction};
use tracing::Instrument as _;

use crate::ddl;
use crate::error::MigrationError;
use crate::history::{self, HISTORY_TABLE, History};
use crate::lock::Lock;
use crate::migrator::MIGRATIONS;

/// Longer than any migration so far takes on a large table, shorter than an orchestrator's patience.
const LOCK_WAIT: Duration = Duration::from_mins(1);

/// Whether one migration has been applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStatus {
    /// Its name, as in the history table.
    pub name: String,
    /// `true` once the database has it.
    pub applied: bool,
    /// `false` for one that a newer version has applied, and that this one can live with.
    pub known: bool,
}

/// Applies what is missing and returns the names of what was applied by this call, in order.
///
/// Any number of instances may call this at once: one applies, the others wait up to 60 s for it (on SQLite as
/// long as the connection's `busy_timeout`). A pool of one connection suffices. When nothing is missing, no
/// right to change the schema is needed; a newer version may have added more, which is warned of (`tracing`). On a Galera cluster the lock is a row of a table `auth_migration_lock`; on other clusters of MySQL it is one
/// node's: let all instances migrate through the same node.
///
/// On PostgreSQL and SQLite all or nothing is applied. MySQL and MariaDB commit every statement by itself; there
/// a call after a failure resumes where the last one stopped. The work runs to its end in a task of its own (of
/// the tokio runtime that the drivers need anyway), also when the returned future is dropped.
///
/// # Errors
///
/// [`MigrationError::NewerSchema`] when this version cannot live with what a newer one has done,
/// [`MigrationError::LockTimeout`] when another instance does not come to an end, [`MigrationError::Database`] when a statement failed.
pub async fn up(db: &DatabaseConnection) -> Result<Vec<String>, MigrationError> {
    under_lock(db, Direction::Up).await
}

/// Takes back the latest `steps` migrations **with all data in their tables** and returns their names, latest
/// first. When none is left the history table goes too.
///
/// Locking, atomicity and cancellation are those of [`up`].
///
/// # Errors
///
/// As [`up`], and [`MigrationError::NewerSchema`] whatever a newer version has done: an unknown migration is not taken back,
/// nor is anything below it.
pub async fn down(db: &DatabaseConnection, steps: u32) -> Result<Vec<String>, MigrationError> {
    under_lock(db, Direction::Down { steps }).await
}

/// All migrations that this version knows, in order, and whether the database has them; then those that a newer version has
/// added.
///
/// Changes nothing, needs no right but `SELECT`, and takes no lock: while another instance runs [`up`] the
/// answer may already be old.
///
/// # Errors
///
/// [`MigrationError::NewerSchema`] when this version cannot live with what a newer one has done,
/// [`MigrationError::Database`] when the history could not be read.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<MigrationStatus>, MigrationError> {
    let history = History::read(db).await?;
    let known = MIGRATIONS.iter().map(|migration| MigrationStatus {
        name: migration.name.to_owned(),
        applied: history.has(migration),
        known: true,
    });
    let newer = history.newer().iter().map(|name| MigrationStatus {
        name: name.clone(),
        applied: true,
        known: false,
    });
    Ok(known.chain(newer).collect())
}

/// The SQL statements that [`up`] would run now, without closing semicolons, for an operator to read or to run
/// by hand; they include those that remember what was applied. Empty when nothing is missing.
///
/// Changes nothing, like [`status`].
///
/// # Errors
///
/// As [`status`].
pub async fn plan(db: &DatabaseConnection) -> Result<Vec<String>, MigrationError> {
    let history = History::read(db).await?;
    let backend = db.get_database_backend();
    let pending = history.pending();
    let mut statements = Vec::new();
    if !history.table_exists && !pending.is_empty() {
        statements.push(history::create_table(backend));
    }
    for migration in pending {
        statements.extend((migration.up)(backend));
        statements.push(history::record(backend, &migration)?);
    }
    Ok(statements)
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down { steps: u32 },
}

async fn under_lock(db: &DatabaseConnection, direction: Direction) -> Result<Vec<String>, MigrationError> {
    let db = db.clone();
    let work = async move {
        let lock = Lock::acquire(&db, LOCK_WAIT).await?;
        let outcome = match direction {
            Direction::Up => apply(lock.connection()).await,
            Direction::Down { steps } => take_back(lock.connection(), steps).await,
        };
        lock.release(outcome).await
    };
    // A task, because a future that is dropped half-way could not give MySQL's lock back: it would stay with
    // the pooled connection and keep every other instance out.
    tokio::spawn(work.in_current_span()).await.map_err(|_| MigrationError::Interrupted)?
}

async fn apply(db: &DatabaseTransaction) -> Result<Vec<String>, MigrationError> {
    let history = History::read(db).await?;
    if !history.newer().is_empty() {
        tracing::warn!(
            migrations = history.newer().join(", "),
            "a newer version of this program has migrated the database; this one goes on beside it, and should be replaced soon"
        );
    }
    let (pending, backend) = (history.pending(), db.get_database_backend());
    if !history.table_exists && !pending.is_empty() {
        db.execute_unprepared(&history::create_table(backend)).await?;
    }
    for migration in &pending {
        migration.apply(db).await?;
        db.execute_unprepared(&history::record(backend, migration)?).await?;
    }
    Ok(pending.iter().map(|migration| migration.name.to_owned()).collect())
}

async fn take_back(db: &DatabaseTransaction, steps: u32) -> Result<Vec<String>, MigrationError> {
    let history = History::read(db).await?;
    if !history.newer().is_empty() {
        return Err(MigrationError::NewerSchema { unknown: history.newer().to_vec() });
    }
    let (mut applied, backend) = (history.newest_first(), db.get_database_backend());
    let all = applied.len();
    applied.truncate(usize::try_from(steps).unwrap_or(usize::MAX));
    for migration in &applied {
        migration.take_back(db).await?;
        db.execute_unprepared(&history::forget(backend, migration)).await?;
    }
    if applied.len() == all {
        for statement in ddl::drop_table(backend, HISTORY_TABLE) {
            db.execute_unprepared(&statement).await?;
        }
    }
    Ok(applied.iter().map(|migration| migration.name.to_owned()).collect())
}
