//! Signing out: one session or all of them.

use crate::{
    ClientInfo, EndReason, Error, RefreshToken, SessionId, UserId,
    auth::Inner,
    event::EventKind,
    store::{end_all_sessions, revoke_session},
};

impl Inner {
    pub(crate) async fn logout(&self, token: &RefreshToken, client: ClientInfo) -> Result<(), Error> {
        match self.genuine(token).await? {
            Some(session) => self.end(session.id, EndReason::SignedOut, client).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn logout_session(&self, session: SessionId, client: ClientInfo) -> Result<(), Error> {
        self.end(session, EndReason::Revoked, client).await
    }

    async fn end(&self, session: SessionId, reason: EndReason, client: ClientInfo) -> Result<(), Error> {
        let now = self.now();
        if revoke_session(self.store.db(), session, reason, now).await? {
            self.revocations.session_ended(session, now);
            self.emit(&client, EventKind::SignedOut { session, reason });
        }
        Ok(())
    }

    pub(crate) async fn logout_all(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        if !end_all_sessions(self.store.db(), user, self.now()).await? {
            return Err(Error::UserNotFound);
        }
        self.learn_what_ended().await;
        self.emit(&client, EventKind::AllSignedOut { user });
        Ok(())
    }
}
