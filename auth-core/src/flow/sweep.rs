//! Removing what nobody can use any more (ASVS 14.2.7).

use std::time::Duration;

use crate::{
    Error,
    auth::Inner,
    clock::duration_millis,
    store::{remove_dead_sessions, remove_keys},
};

/// Sessions and keys stay so much longer than their last access token: other instances may still have to learn that
/// they ended.
const MARGIN: Duration = Duration::from_mins(5);

impl Inner {
    pub(crate) async fn sweep(&self) -> Result<u64, Error> {
        let kept = duration_millis(self.config.access_ttl.saturating_add(MARGIN));
        let over = self.now().saturating_sub(kept);
        let idle = over.saturating_sub(duration_millis(self.config.refresh_ttl));
        let removed = remove_dead_sessions(self.store.db(), over, idle).await?;
        let keys = self.keys_over(duration_millis(MARGIN));
        if !keys.is_empty() {
            remove_keys(self.store.db(), keys).await?;
        }
        Ok(removed)
    }

    pub(crate) async fn keep_sweeping(&self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.sweep().await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed sessions that had ended"),
                Err(error) => tracing::warn!(error = error.code(), "ended sessions were not removed"),
            }
        }
    }
}
