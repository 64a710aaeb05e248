//! What has ended on other instances, asked for every so often.

use std::time::Duration;

use crate::{Error, kernel::Kernel, store::ended_since, task::keep_polling};

impl Kernel {
    pub(crate) async fn poll_revocations(&self) -> Result<(), Error> {
        let now = self.now();
        let ended = ended_since(self.store.db(), self.revocations.since(now)).await?;
        self.revocations.learn(ended, now);
        Ok(())
    }

    pub(crate) async fn watch_revocations(&self, every: Duration) {
        keep_polling(every, "what other instances have ended", || async {
            if self.revocations.is_wanted() { self.poll_revocations().await } else { Ok(()) }
        })
        .await;
    }

    /// After a change that ended sessions whose ids are not known here: where somebody polls, this instance
    /// refuses them at once. If it fails, the next poll does it.
    pub(crate) async fn learn_what_ended(&self) {
        if self.revocations.age().is_some() {
            let _ = self.poll_revocations().await;
        }
    }
}
