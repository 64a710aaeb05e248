//! `/health/live` and `/health/ready`: what an orchestrator asks.

use std::{sync::Arc, time::Duration};

use auth_core::Auth;
use sea_orm::DatabaseConnection;
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
    auth: Auth,
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
    pub(crate) fn new(db: DatabaseConnection, auth: Auth, ending: Ending) -> Self {
        Self { db, auth, ending, last: Arc::default() }
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
        match timeout(DEADLINE, self.look()).await {
            Ok(readiness) => readiness,
            Err(_) => Readiness::DatabaseUnreachable,
        }
    }

    async fn look(&self) -> Readiness {
        match auth_migration::status(&self.db).await {
            Ok(migrations) if migrations.iter().all(|migration| migration.applied) => {}
            Ok(_) | Err(auth_migration::MigrationError::NewerSchema { .. }) => {
                return Readiness::MigrationsPending;
            }
            Err(_) => return Readiness::DatabaseUnreachable,
        }
        match self.auth.can_write().await {
            Ok(true) => Readiness::Ready,
            Ok(false) => Readiness::DatabaseReadOnly,
            Err(_) => Readiness::DatabaseUnreachable,
        }
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
