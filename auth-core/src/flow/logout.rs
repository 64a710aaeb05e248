//! Signing out: one session or all of them.

use crate::{
    ClientInfo, EndReason, Error, RefreshToken, SessionId, UserId,
    event::EventKind,
    flow::sign_in::owner_of,
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

    pub(crate) async fn end(
        &self,
        user: Option<UserId>,
        session: SessionId,
        reason: EndReason,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let now = self.now();
        let ended = until_won(|| async {
            let txn = self.store.begin().await?;
            if !revoke_session(&txn, session, reason, now).await? {
                return Ok(None);
            }
            let user = match user {
                // A row of the audit is somebody's.
                None if self.config.audit_retention.is_some() => owner_of(&txn, session).await?,
                known => known,
            };
            let kind = EventKind::SignedOut { user, session, reason };
            self.record(&txn, &client, &kind).await?;
            txn.commit().await?;
            Ok(Some(kind))
        });
        if let Some(kind) = ended.await? {
            self.revocations.session_ended(session);
            self.emit(&client, kind);
        }
        Ok(())
    }

    pub(crate) async fn logout_all(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        until_won(|| async {
            let txn = self.store.begin().await?;
            if !end_all_sessions(&txn, user, self.now()).await? {
                return Err(Error::Refused(refusal::USER_NOT_FOUND));
            }
            self.record(&txn, &client, &EventKind::AllSignedOut { user }).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.learn_what_ended().await;
        self.emit(&client, EventKind::AllSignedOut { user });
        Ok(())
    }
}
