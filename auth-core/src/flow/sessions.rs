//! The sessions of a user: look, end one, end the others.

use crate::{
    ClientInfo, EndReason, Error, Principal, Session, SessionId, UserId,
    clock::{duration_millis, from_millis},
    event::EventKind,
    kernel::Kernel,
    refusal,
    store::{
        ListedSession, end_all_sessions, find_session, keep_session, list_sessions, lock_user, revoke_oldest,
        revoke_own_session,
    },
    task::until_won,
};

impl Kernel {
    pub(crate) async fn sessions(&self, caller: &Principal) -> Result<Vec<Session>, Error> {
        let own = caller.session()?;
        let listed = self.sessions_of(caller.user_id()).await?;
        if !listed.iter().any(|session| session.id == own) {
            return Err(Error::SessionOver);
        }
        Ok(listed)
    }

    pub(crate) async fn sessions_of(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let idle = duration_millis(self.config.sessions.refresh_ttl);
        let listed = list_sessions(self.store.db(), user, self.now(), idle).await?;
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
        let (user, reason) = (Some(caller.user_id()), EndReason::Revoked);
        let kind = EventKind::SignedOut { user, session, reason };
        until_won(|| async {
            let txn = self.store.begin().await?;
            if !revoke_own_session(&txn, caller.user_id(), session, now).await? {
                return Err(Error::Refused(refusal::SESSION_NOT_FOUND));
            }
            self.record(&txn, &client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.revocations.session_ended(session);
        self.emit(&client, kind);
        Ok(())
    }

    pub(crate) async fn end_other_sessions(
        &self,
        caller: &Principal,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let (user, session) = (caller.user_id(), caller.session()?);
        until_won(|| async {
            let txn = self.store.begin().await?;
            let locked = lock_user(&txn, user).await?.ok_or(Error::SessionOver)?;
            let own = find_session(&txn, session).await?.filter(|own| own.user.id == user);
            let idle = duration_millis(self.config.sessions.refresh_ttl);
            if !own.is_some_and(|own| own.is_alive(self.now(), idle)) {
                return Err(Error::SessionOver);
            }
            // All end, also one that a sign-in is making and whatever was asked for by mail; the caller's own then goes on.
            end_all_sessions(&txn, user, self.now()).await?;
            keep_session(&txn, session, locked.epoch.saturating_add(1)).await?;
            self.record(&txn, &client, &EventKind::OthersSignedOut { user, session }).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.learn_what_ended().await;
        self.emit(&client, EventKind::OthersSignedOut { user, session });
        Ok(())
    }

    /// Brings a user back under the limit after a sign-in: the oldest sessions end.
    pub(crate) async fn end_oldest(&self, user: UserId, client: &ClientInfo) -> Result<(), Error> {
        let now = self.now();
        let kind = |session| EventKind::SignedOut { user: Some(user), session, reason: EndReason::TooMany };
        let ended = until_won(|| async {
            let txn = self.store.begin().await?;
            let ended = revoke_oldest(&txn, user, self.config.sessions.max_sessions, now).await?;
            let kinds: Vec<_> = ended.iter().copied().map(kind).collect();
            self.record_all(&txn, client, &kinds).await?;
            txn.commit().await?;
            Ok(ended)
        });
        for session in ended.await? {
            self.revocations.session_ended(session);
            self.emit(client, kind(session));
        }
        Ok(())
    }
}
