//! Taking an identity away, and whether somebody can still get in then.

use uuid::Uuid;

use super::{IDENTITY_NOT_FOUND, Oidc, SetUp};
use crate::{
    ClientInfo, Error, UserId,
    event::EventKind,
    flow::Confirmed,
    kernel::{Kernel, count_ways_in as count_all_ways_in},
    mail::MailKind,
    refusal,
    room::oidc::store::{find_provider, list_identities, remove_identity},
    store::DatabaseTransaction,
    task::{BoxFuture, until_won},
};

/// One of a provider that is no longer configured signs nobody in.
pub(crate) fn count_ways_in<'a>(
    kernel: &'a Kernel,
    txn: &'a DatabaseTransaction,
    user: UserId,
) -> BoxFuture<'a, Result<u64, Error>> {
    Box::pin(async move {
        let Some(set_up) = kernel.set_up::<SetUp>() else { return Ok(0) };
        let is_way_in =
            |issuer: &str| set_up.all.iter().any(|connected| connected.provider.issuer() == issuer);
        let all = list_identities(txn, user).await?;
        Ok(all.iter().filter(|row| is_way_in(&row.issuer)).count() as u64)
    })
}

impl Oidc {
    /// To be called [detached](crate::task::detached).
    pub(super) async fn remove(
        &self,
        confirmed: &Confirmed,
        identity: Uuid,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let (kernel, user) = (&self.kernel, confirmed.id);
        let kind = until_won(|| async {
            let txn = kernel.store.begin().await?;
            // The row is held, so that of two who take the last two away one is refused.
            let locked = kernel.hold(&txn, confirmed).await?;
            let provider = find_provider(&txn, identity).await?;
            let provider = provider.ok_or(Error::Refused(IDENTITY_NOT_FOUND))?;
            // Only one of theirs.
            if !remove_identity(&txn, user, identity).await? {
                return Err(Error::Refused(IDENTITY_NOT_FOUND));
            }
            if count_all_ways_in(kernel, &txn, user).await? == 0 {
                return Err(Error::Refused(refusal::LAST_WAY_IN));
            }
            let kind = EventKind::IdentityUnlinked { user, provider: provider.clone() };
            kernel.post(&txn, MailKind::IdentityUnlinked, &locked.email, Some(user), Some(provider)).await?;
            kernel.record(&txn, client, &kind).await?;
            txn.commit().await?;
            Ok(kind)
        });
        let kind = kind.await?;
        kernel.mail_waits();
        kernel.emit(client, kind);
        Ok(())
    }
}
