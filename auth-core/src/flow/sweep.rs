//! Removing what nobody can use any more (ASVS 14.2.7).

use std::{error::Error as _, sync::atomic::Ordering::Relaxed, time::Duration};

use crate::{
    Config, Error, Finding,
    clock::duration_millis,
    kernel::{Kernel, Sweep},
    store::{
        self, is_overdue, remove_events, remove_idle_sessions, remove_keys, remove_sessions_of_older_epochs,
    },
};

/// Sessions and keys stay so much longer than their last access token: other instances may still have to learn that
/// they ended.
const MARGIN: Duration = Duration::from_mins(5);

/// By how much clocks may differ between two sweeps.
const CLOCKS_APART: i64 = 3_600_000;

/// Rows that should have been gone for so long: nobody sweeps, or it fails.
const OVERDUE: Duration = Duration::from_hours(48);

const SESSION: &str = "auth_session";
const EVENT: &str = "auth_event";

/// What the kernel's own tables lose; rooms have their own.
const SWEEPS: &[Sweep] = &[
    Sweep { table: SESSION, id: "id", at: "expires_at", kept: |config| Some(still_news(config)) },
    Sweep { table: SESSION, id: "id", at: "revoked_at", kept: |config| Some(still_news(config)) },
    Sweep { table: "auth_one_time_token", id: "id", at: "expires_at", kept: |_| Some(Duration::ZERO) },
    Sweep { table: "auth_throttle", id: "id", at: "forget_at", kept: |_| Some(Duration::ZERO) },
    Sweep { table: "auth_deleted_user", id: "id", at: "deleted_at", kept: |config| Some(still_news(config)) },
];

/// For how long somebody may have to learn that a session is over.
fn still_news(config: &Config) -> Duration {
    config.tokens.access_ttl.saturating_add(MARGIN)
}

/// What a sweep has done so far. A removal that fails keeps no other from its work.
#[derive(Default)]
struct Swept {
    removed: u64,
    failed: Option<Error>,
}

impl Swept {
    /// Fails where the database does not answer at all: there is no use in going on.
    fn add(&mut self, table: &'static str, removed: Result<u64, impl Into<Error>>) -> Result<(), Error> {
        match removed.map_err(Into::into) {
            Ok(removed) => self.removed = self.removed.saturating_add(removed),
            Err(error) if error.is_unreachable() => return Err(error),
            Err(error) => {
                metrics::counter!("auth_sweep_failures_total", "table" => table).increment(1);
                let why = error.source().map(ToString::to_string);
                tracing::error!(table, error = error.code(), why, "rows that have ended were not removed");
                self.failed.get_or_insert(error);
            }
        }
        Ok(())
    }
}

impl Kernel {
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        let (db, now) = (self.store.db(), self.now());
        let mut swept = Swept::default();
        // Before sessions go, which show that somebody signed in.
        let mut sessions_may_go = true;
        if let Some(ttl) = self.config.unverified_account_ttl {
            let removed = self.remove_unverified(now.saturating_sub(duration_millis(ttl))).await;
            sessions_may_go = removed.is_ok();
            swept.add("auth_user", removed)?;
        }
        if sessions_may_go {
            self.remove_sessions(&mut swept, now).await?;
        }
        let keys = self.keys_over(duration_millis(MARGIN));
        if !keys.is_empty() {
            swept.add("auth_key", remove_keys(db, keys).await)?;
        }
        if let Some(kept) = self.config.audit_retention {
            let removed = self.sweep_events(now.saturating_sub(duration_millis(kept))).await;
            swept.add(EVENT, removed)?;
        }
        for (Sweep { table, id, at, .. }, over) in self.sweeps(now) {
            if sessions_may_go || *table != SESSION {
                swept.add(table, store::sweep(db, table, id, at, over).await)?;
            }
        }
        swept.failed.map_or(Ok(swept.removed), Err)
    }

    /// None goes that has no place in the feed yet, or that some room has not handed on.
    async fn sweep_events(&self, over: i64) -> Result<u64, Error> {
        self.place_events().await?;
        Ok(remove_events(self.store.db(), over, self.needed_events().await?).await?)
    }

    /// Those whose end no column of the row tells; the others are among the [`SWEEPS`].
    async fn remove_sessions(&self, swept: &mut Swept, now: i64) -> Result<(), Error> {
        let db = self.store.db();
        let over = now.saturating_sub(duration_millis(still_news(&self.config)));
        let idle = duration_millis(self.config.sessions.refresh_ttl);
        swept.add(SESSION, remove_idle_sessions(db, over, idle).await)?;
        let from = self.epochs_swept.load(Relaxed);
        let of_older_epochs = remove_sessions_of_older_epochs(db, from, over).await;
        if of_older_epochs.is_ok() {
            self.epochs_swept.store(over.saturating_sub(CLOCKS_APART), Relaxed);
        }
        swept.add(SESSION, of_older_epochs)
    }

    /// Each with the moment before which its rows are over.
    fn sweeps(&self, now: i64) -> impl Iterator<Item = (&Sweep, i64)> {
        let all = SWEEPS.iter().chain(self.rooms.iter().flat_map(|room| room.sweep));
        all.filter_map(move |sweep| {
            let kept = (sweep.kept)(&self.config)?;
            Some((sweep, now.saturating_sub(duration_millis(kept))))
        })
    }

    /// Rows that are there still: for a check.
    pub(crate) async fn check_sweep(&self) -> Result<Option<Finding>, Error> {
        let mut overdue = Vec::new();
        let audit = self.config.audit_retention;
        let events = audit.map(|kept| (EVENT, "at", self.now().saturating_sub(duration_millis(kept))));
        let others = self.sweeps(self.now()).map(|(Sweep { table, at, .. }, over)| (*table, *at, over));
        for (table, at, over) in others.chain(events) {
            if is_overdue(self.store.db(), table, at, over.saturating_sub(duration_millis(OVERDUE))).await? {
                overdue.push(table);
            }
        }
        overdue.dedup();
        Ok((!overdue.is_empty()).then(|| {
            Finding::warning(
                "sweep_behind",
                format!(
                    "rows that should have been removed two days ago are there still: {}",
                    overdue.join(", ")
                ),
                "see that `auth.run_background()` runs somewhere, and why it fails: `auth_sweep_failures_total`, and ERROR lines in the log",
            )
        }))
    }

    /// Whoever swept last keeps the turn unless it stays away for one and a half rounds.
    pub(crate) async fn sweep_in_turn(&self, every: Duration) -> Result<Option<u64>, Error> {
        let now = self.now();
        let until = now.saturating_add(duration_millis(every.saturating_mul(3) / 2));
        if !self.take_turn("sweep", until).await? {
            return Ok(None);
        }
        self.sweep().await.map(Some)
    }
}
