//! What has ended on other instances, asked for every so often.

use std::{sync::atomic::Ordering, time::Duration};

use uuid::Uuid;

use crate::{Error, kernel::Kernel, store::ended_since, task::keep_polling};

impl Kernel {
    pub(crate) async fn poll_revocations(&self) -> Result<(), Error> {
        let now = self.now();
        let (since, far) = self.revocations.begin(now);
        ended_since(self.store.db(), since, |ended| self.revocations.learn(ended)).await?;
        for of_room in self.rooms.iter().filter_map(|room| room.ended) {
            self.revocations.learn(of_room(self, since).await?);
        }
        self.revocations.polled(now, far);
        Ok(())
    }

    pub(crate) async fn watch_revocations(&self, every: Duration) {
        keep_polling(every, "what other instances have ended", || async {
            if self.revocations.is_wanted() { self.poll_revocations().await } else { Ok(()) }
        })
        .await;
    }

    /// After a key or a token was ended by its id: what is known of it here is read again.
    pub(crate) fn ended_here(&self, id: Uuid) {
        self.endings.fetch_add(1, Ordering::Relaxed);
        self.revocations.ended(id);
    }

    /// After a session came to tell something else than before: what is known of it here is read again.
    pub(crate) fn changed_here(&self) {
        self.endings.fetch_add(1, Ordering::Relaxed);
    }

    /// After a change that ended sessions whose ids are not known here: where somebody polls, this instance
    /// refuses them at once. If it fails, the next poll does it.
    pub(crate) async fn learn_what_ended(&self) {
        self.endings.fetch_add(1, Ordering::Relaxed);
        if self.revocations.age().is_some() {
            let _ = self.poll_revocations().await;
        }
    }
}
