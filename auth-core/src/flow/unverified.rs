//! Accounts that somebody made with an address which nobody proved, and to which nobody ever signed in: they end, and the address
//! is free again.

use crate::{
    ClientInfo, Error, UserId,
    event::EventKind,
    kernel::Kernel,
    refusal,
    store::{delete_user, find_unverified, lock_unverified},
    task::until_won,
};

const BATCH: u64 = 500;

impl Kernel {
    /// Those from before this moment; tells how many.
    pub(super) async fn remove_unverified(&self, before: i64) -> Result<u64, Error> {
        let (mut removed, mut after) = (0, UserId::from(uuid::Uuid::nil()));
        loop {
            let found = find_unverified(self.store.db(), before, after, BATCH).await?;
            let Some(last) = found.last().copied() else { return Ok(removed) };
            after = last;
            for user in found {
                removed += u64::from(self.remove_if_unverified(user, before).await?);
            }
        }
    }

    /// No mail: whoever reads it at that address may never have heard of the account.
    async fn remove_if_unverified(&self, user: UserId, before: i64) -> Result<bool, Error> {
        let (kind, nobody) = (EventKind::UnverifiedRemoved { user }, ClientInfo::default());
        let removed = until_won(|| async {
            let txn = self.store.begin().await?;
            let goes = !self.is_last_admin(&txn, user).await?
                && lock_unverified(&txn, user, before).await?
                && delete_user(&txn, user, self.now()).await?;
            if !goes {
                txn.rollback().await?;
                return Ok(false);
            }
            self.record(&txn, &nobody, &kind).await?;
            txn.commit().await?;
            Ok(true)
        })
        .await;
        match self.told_of_references(user, removed).await {
            Ok(true) => {
                self.emit(&nobody, kind);
                Ok(true)
            }
            // One that rows of the host's keep must not keep the others.
            Err(Error::Refused(refusal::USER_IN_USE)) => Ok(false),
            removed => removed,
        }
    }
}
