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
    /// Those from before this moment; tells how many. One that cannot be removed keeps no other: the first such failure is told at the
    /// end.
    pub(super) async fn remove_unverified(&self, before: i64) -> Result<u64, Error> {
        let (mut removed, mut after, mut failed) = (0, UserId::from(uuid::Uuid::nil()), None);
        loop {
            let found = find_unverified(self.store.db(), before, after, BATCH).await?;
            let Some(last) = found.last().copied() else { return failed.map_or(Ok(removed), Err) };
            after = last;
            for user in found {
                match self.remove_if_unverified(user, before).await {
                    Ok(gone) => removed += u64::from(gone),
                    Err(error) if error.is_unreachable() => return Err(error),
                    Err(error) => failed = failed.or(Some(error)),
                }
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
