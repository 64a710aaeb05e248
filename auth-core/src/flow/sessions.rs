//! A user's own sessions: look, end one, end the others.

use crate::{
    ClientInfo, EndReason, Error, Principal, Session, SessionId, UserId,
    clock::{duration_millis, from_millis},
    event::EventKind,
    kernel::Kernel,
    refusal,
    store::{ListedSession, end_other_sessions, list_sessions, revoke_oldest, revoke_own_session},
    task::until_won,
};

impl Kernel {
    pub(crate) async fn sessions(&self, caller: &Principal) -> Result<Vec<Session>, Error> {
        let idle = duration_millis(self.config.sessions.refresh_ttl);
        let listed = list_sessions(self.store.db(), caller.user_id(), self.now(), idle).await?;
        if !listed.iter().any(|session| session.id == caller.session_id().as_uuid()) {
            return Err(Error::SessionOver);
        }
        let session = |listed: ListedSession| Session {
            id: listed.id.into(),
            created_at: from_millis(listed.created_at),
            last_used_at: from_millis(listed.last_used_at),
            expires_at: from_millis(listed.expires_at.min(listed.last_used_at.saturating_add(idle))),
            user_agent: listed.user_agent,
            ip: listed.ip.and_then(|ip| ip.parse().ok()),
            methods: listed.methods.split_whitespace().map(str::to_owned).collect(),
        };
        Ok(listed.into_iter().map(session).collect())
    }

    pub(crate) async fn end_session(
        &self,
        caller: &Principal,
        session: SessionId,
        client: ClientInfo,
    ) -> Result<(), Error> {
        self.current_user(caller).await?;
        let now = self.now();
        if !revoke_own_session(self.store.db(), caller.user_id(), session, now).await? {
            return Err(Error::Refused(refusal::SESSION_NOT_FOUND));
        }
        self.revocations.session_ended(session, now);
        let (user, reason) = (Some(caller.user_id()), EndReason::Revoked);
        self.note(&client, EventKind::SignedOut { user, session, reason }).await;
        Ok(())
    }

    pub(crate) async fn end_other_sessions(
        &self,
        caller: &Principal,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let (user, session) = (caller.user_id(), caller.session_id());
        // Whoever ends the others at the same moment may have kept this one, or not: that is to be read again.
        while !self.end_others(self.live_user(caller).await?.epoch, user, session).await? {}
        self.learn_what_ended().await;
        self.note(&client, EventKind::OthersSignedOut { user, session }).await;
        Ok(())
    }

    /// `false`: it is no longer that epoch.
    async fn end_others(&self, epoch: i64, user: UserId, session: SessionId) -> Result<bool, Error> {
        until_won(|| async {
            let txn = self.store.begin().await?;
            let ended = end_other_sessions(&txn, user, session, epoch, self.now()).await?;
            txn.commit().await?;
            Ok(ended)
        })
        .await
    }

    /// Brings a user back under the limit after a sign-in: the oldest sessions end.
    pub(crate) async fn end_oldest(&self, user: UserId, client: &ClientInfo) -> Result<(), Error> {
        let now = self.now();
        for session in revoke_oldest(self.store.db(), user, self.config.sessions.max_sessions, now).await? {
            self.revocations.session_ended(session, now);
            let (user, reason) = (Some(user), EndReason::TooMany);
            self.note(client, EventKind::SignedOut { user, session, reason }).await;
        }
        Ok(())
    }
}
