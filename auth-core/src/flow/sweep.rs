//! Removing what nobody can use any more (ASVS 14.2.7).

use std::time::Duration;

use crate::{
    Error,
    auth::Inner,
    clock::duration_millis,
    store::{
        forget_deleted_users, remove_dead_sessions, remove_dead_tokens, remove_forgotten_failures,
        remove_keys, remove_old_events, take_lease,
    },
};

/// Sessions and keys stay so much longer than their last access token: other instances may still have to learn that
/// they ended.
const MARGIN: Duration = Duration::from_mins(5);

impl Inner {
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        let now = self.now();
        let kept = duration_millis(self.config.tokens.access_ttl.saturating_add(MARGIN));
        let over = now.saturating_sub(kept);
        let idle = over.saturating_sub(duration_millis(self.config.sessions.refresh_ttl));
        let sessions = remove_dead_sessions(self.store.db(), over, idle).await?;
        let tokens = remove_dead_tokens(self.store.db(), now).await?;
        let keys = self.keys_over(duration_millis(MARGIN));
        if !keys.is_empty() {
            remove_keys(self.store.db(), keys).await?;
        }
        let failures = remove_forgotten_failures(self.store.db(), now).await?;
        let deleted = forget_deleted_users(self.store.db(), over).await?;
        let events = match self.config.audit_retention {
            Some(kept) => {
                remove_old_events(self.store.db(), now.saturating_sub(duration_millis(kept))).await?
            }
            None => 0,
        };
        Ok([sessions, tokens, failures, deleted, events].into_iter().sum())
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
