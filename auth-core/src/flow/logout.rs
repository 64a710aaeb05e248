//! Signing out: one session or all of them.

use crate::{
    ClientInfo, EndReason, Error, RefreshToken, SessionId, UserId,
    event::EventKind,
    kernel::Kernel,
    refusal,
    store::{end_all_sessions, revoke_session},
    task::until_won,
};

impl Kernel {
    pub(crate) async fn logout(&self, token: &RefreshToken, client: ClientInfo) -> Result<(), Error> {
        match self.genuine(token).await? {
            Some(session) => self.end(Some(session.user.id), session.id, EndReason::SignedOut, client).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn logout_session(&self, session: SessionId, client: ClientInfo) -> Result<(), Error> {
        self.end(None, session, EndReason::Revoked, client).await
    }

    async fn end(
        &self,
        user: Option<UserId>,
        session: SessionId,
        reason: EndReason,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let now = self.now();
        if revoke_session(self.store.db(), session, reason, now).await? {
            self.revocations.session_ended(session, now);
            let user = match user {
                // A row of the audit is somebody's.
                None if self.config.audit_retention.is_some() => self.owner_of(session).await,
                known => known,
            };
            self.note(&client, EventKind::SignedOut { user, session, reason }).await;
        }
        Ok(())
    }

    pub(crate) async fn logout_all(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        until_won(|| async {
            let txn = self.store.begin().await?;
            if !end_all_sessions(&txn, user, self.now()).await? {
                return Err(Error::Refused(refusal::USER_NOT_FOUND));
            }
            Ok(txn.commit().await?)
        })
        .await?;
        self.learn_what_ended().await;
        self.note(&client, EventKind::AllSignedOut { user }).await;
        Ok(())
    }
}
