//! `/health/live` and `/health/ready`: what an orchestrator asks.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// A database that needs longer for a question this small is not ready.
const DEADLINE: Duration = Duration::from_secs(1);

/// Probes of several kinds, or of whoever likes to call, cost the database one question in this time.
const FRESH: Duration = Duration::from_millis(500);

/// Tells whether the service can work. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    db: DatabaseConnection,
    last: Arc<Mutex<Option<(Instant, Readiness)>>>,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Nothing.
    Ready,
    /// The database does not answer in time.
    DatabaseUnreachable,
    /// The schema is older than this program, or one that it cannot live with.
    MigrationsPending,
}

impl Health {
    pub(crate) fn new(db: DatabaseConnection) -> Self {
        Self { db, last: Arc::default() }
    }

    /// Whether the database is reachable and has what this program needs of the schema; the answer may be half a second
    /// old. Those who ask at once wait for one answer.
    pub(crate) async fn readiness(&self) -> Readiness {
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
        match timeout(DEADLINE, auth_migration::status(&self.db)).await {
            Ok(Ok(migrations)) if migrations.iter().all(|migration| migration.applied) => Readiness::Ready,
            Ok(Ok(_) | Err(auth_migration::MigrationError::NewerSchema { .. })) => {
                Readiness::MigrationsPending
            }
            Ok(Err(_)) | Err(_) => Readiness::DatabaseUnreachable,
        }
    }
}

impl Readiness {
    fn code(self) -> &'static str {
        match self {
            Self::Ready => "ready",
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
