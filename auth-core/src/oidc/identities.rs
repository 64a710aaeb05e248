//! Taking an identity away.

use uuid::Uuid;

use super::Oidc;
use crate::{
    ClientInfo, Error, Principal,
    event::EventKind,
    flow::until_won,
    mail::MailKind,
    store::{has_password, list_identities, lock_user, remove_identity},
};

impl Oidc {
    /// To be called [detached](crate::flow::detached).
    pub(super) async fn remove(
        &self,
        caller: &Principal,
        identity: Uuid,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        let inner = &self.inner;
        let user = inner.current_user(caller).await?.id;
        let kind = until_won(|| async {
            let txn = inner.store.begin().await?;
            // The row is held, so that of two who take the last two away one is refused.
            let locked = lock_user(&txn, user).await?.ok_or(Error::SessionOver)?;
            let all = list_identities(&txn, user).await?;
            let (gone, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| row.id == identity);
            let gone = gone.into_iter().next().ok_or(Error::IdentityNotFound)?;
            // One of a provider that is no longer configured signs nobody in.
            let is_way_in = |issuer: &str| {
                self.room.providers.iter().any(|connected| connected.provider.issuer() == issuer)
            };
            if !stay.iter().any(|row| is_way_in(&row.issuer)) && !has_password(&txn, user).await? {
                return Err(Error::LastWayIn);
            }
            remove_identity(&txn, user, identity).await?;
            let kind = EventKind::IdentityUnlinked { user, provider: gone.provider.clone() };
            inner
                .post(&txn, MailKind::IdentityUnlinked, &locked.email, Some(user), Some(gone.provider))
                .await?;
            inner.record(&txn, client, &kind).await?;
            txn.commit().await?;
            Ok(kind)
        });
        let kind = kind.await?;
        inner.mail_waits();
        inner.emit(client, kind);
        Ok(())
    }
}
