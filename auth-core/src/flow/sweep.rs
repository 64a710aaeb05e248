//! Removing what nobody can use any more (ASVS 14.2.7).

use std::time::Duration;

use crate::{
    Config, Error,
    clock::duration_millis,
    kernel::{Kernel, Sweep},
    store::{self, remove_dead_sessions, remove_events, remove_keys, take_lease},
};

/// Sessions and keys stay so much longer than their last access token: other instances may still have to learn that
/// they ended.
const MARGIN: Duration = Duration::from_mins(5);

/// What the kernel's own tables lose; rooms have their own.
const SWEEPS: &[Sweep] = &[
    Sweep { table: "auth_one_time_token", id: "id", at: "expires_at", kept: |_| Some(Duration::ZERO) },
    Sweep { table: "auth_throttle", id: "id", at: "forget_at", kept: |_| Some(Duration::ZERO) },
    Sweep { table: "auth_deleted_user", id: "id", at: "deleted_at", kept: |config| Some(still_news(config)) },
];

/// For how long somebody may have to learn that a session is over.
fn still_news(config: &Config) -> Duration {
    config.tokens.access_ttl.saturating_add(MARGIN)
}

impl Kernel {
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        let (db, now) = (self.store.db(), self.now());
        let over = now.saturating_sub(duration_millis(still_news(&self.config)));
        let idle = over.saturating_sub(duration_millis(self.config.sessions.refresh_ttl));
        let mut removed = match self.config.unverified_account_ttl {
            // Before sessions go, which show that somebody signed in.
            Some(ttl) => self.remove_unverified(now.saturating_sub(duration_millis(ttl))).await?,
            None => 0,
        };
        removed = removed.saturating_add(remove_dead_sessions(db, over, idle).await?);
        let keys = self.keys_over(duration_millis(MARGIN));
        if !keys.is_empty() {
            remove_keys(db, keys).await?;
        }
        if let Some(kept) = self.config.audit_retention {
            // None goes that has no place in the feed yet.
            self.place_events().await?;
            let over = now.saturating_sub(duration_millis(kept));
            removed = removed.saturating_add(remove_events(db, over, self.needed_events().await?).await?);
        }
        for Sweep { table, id, at, kept } in
            SWEEPS.iter().chain(self.rooms.iter().flat_map(|room| room.sweep))
        {
            if let Some(kept) = kept(&self.config) {
                let over = now.saturating_sub(duration_millis(kept));
                removed = removed.saturating_add(store::sweep(db, table, id, at, over).await?);
            }
        }
        Ok(removed)
    }

    /// Whoever swept last keeps the turn unless it stays away for one and a half rounds.
    pub(crate) async fn sweep_in_turn(&self, every: Duration) -> Result<Option<u64>, Error> {
        let now = self.now();
        let until = now.saturating_add(duration_millis(every.saturating_mul(3) / 2));
        if !take_lease(self.store.db(), "sweep", self.instance, now, until).await? {
            return Ok(None);
        }
        self.sweep().await.map(Some)
    }
}
