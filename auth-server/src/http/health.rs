//! `/health/live` and `/health/ready`: what an orchestrator asks.

use std::{sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement};
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::ending::Ending;

/// A database that needs longer for a question this small is not ready.
const DEADLINE: Duration = Duration::from_secs(1);

/// Probes of several kinds, or of whoever likes to call, cost the database one question in this time.
const FRESH: Duration = Duration::from_millis(500);

/// Tells whether the service can work. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    db: DatabaseConnection,
    ending: Ending,
    last: Arc<Mutex<Option<(Instant, Readiness)>>>,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing.
    Ready,
    /// The program was told to end, and answers for a while.
    Ending,
    /// The database does not answer in time.
    DatabaseUnreachable,
    /// It takes no writes: a standby, or a node that became one. Nobody can sign in.
    DatabaseReadOnly,
    /// The schema is older than this program, or one that it cannot live with.
    MigrationsPending,
}

impl Health {
    pub(crate) fn new(db: DatabaseConnection, ending: Ending) -> Self {
        Self { db, ending, last: Arc::default() }
    }

    /// Whether the database is reachable, can be written and has what this program needs of the schema; the answer may be half a second
    /// old. Those who ask at once wait for one answer.
    pub(crate) async fn readiness(&self) -> Readiness {
        if self.ending.has_begun() {
            return Readiness::Ending;
        }
        let mut last = self.last.lock().await;
        if let Some((when, readiness)) = *last
            && when.elapsed() < FRESH
        {
            return readiness;
        }
        let readiness = self.ask().await;
        if let Some((_, before)) = *last
            && before != readiness
        {
            tracing::warn!(readiness = readiness.code(), "readiness has changed");
        }
        *last = Some((Instant::now(), readiness));
        readiness
    }

    async fn ask(&self) -> Readiness {
        let asked = timeout(DEADLINE, async {
            let migrations = auth_migration::status(&self.db).await?;
            Ok((migrations, takes_no_writes(&self.db).await?))
        });
        match asked.await {
            Ok(Ok((_, true))) => Readiness::DatabaseReadOnly,
            Ok(Ok((migrations, false))) if migrations.iter().all(|migration| migration.applied) => {
                Readiness::Ready
            }
            Ok(Ok(_) | Err(auth_migration::MigrationError::NewerSchema { .. })) => {
                Readiness::MigrationsPending
            }
            Ok(Err(_)) | Err(_) => Readiness::DatabaseUnreachable,
        }
    }
}

/// A SQLite file that cannot be written is told by `check`: it does not come and go.
async fn takes_no_writes(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => "SELECT current_setting('transaction_read_only') = 'on'",
        DbBackend::MySql => "SELECT @@GLOBAL.read_only <> 0 OR @@SESSION.tx_read_only <> 0",
        _ => return Ok(false),
    };
    match db.query_one_raw(Statement::from_string(backend, sql)).await? {
        Some(row) => row.try_get_by_index(0),
        None => Ok(false),
    }
}

impl Readiness {
    fn code(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Ending => "ending",
            Self::DatabaseReadOnly => "database_read_only",
            Self::DatabaseUnreachable => "database_unreachable",
            Self::MigrationsPending => "migrations_pending",
        }
    }

    /// The document, without versions.
    pub(crate) fn document(self) -> Value {
        match self {
            Self::Ready => json!({"status": "ok"}),
            _ => json!({"status": "unavailable", "reason": self.code()}),
        }
    }
}
