//! The one door: every way of signing in ends here, and sessions are made nowhere else.

use std::time::Duration;

use crate::{
    ClientInfo, EndReason, Error, RefreshToken, SessionId, Tokens,
    auth::Inner,
    clock::duration_millis,
    event::EventKind,
    flow::rotation::Rotation,
    random,
    store::{NewSession, SessionRow, UserRow, find_session, insert_session, replace_session},
    token::{Grant, refresh::RefreshParts},
};

impl Inner {
    /// Starts a session for a user who proved who they are, and ends the one it replaces: both or neither. With
    /// as many sessions as allowed, the oldest ends. To be called [detached](super::detached).
    pub(crate) async fn sign_in(
        &self,
        user: &UserRow,
        live_sessions: u64,
        method: &'static str,
        client: &ClientInfo,
        replaced: Option<SessionId>,
    ) -> Result<Tokens, Error> {
        let now = self.now();
        let new = NewSession {
            id: random::uuid(self.random.as_ref())?.into(),
            user_id: user.id,
            epoch: user.epoch,
            seed: random::bytes(self.random.as_ref())?,
            methods: method.to_owned(),
            user_agent: client.storable_user_agent(),
            ip: client.known_ip().map(|ip| ip.to_string()),
            now,
            expires_at: now.saturating_add(duration_millis(self.config.session_ttl)),
        };
        let (id, seed, expires_at) = (new.id, new.seed, new.expires_at);
        let ended = match replaced {
            None => {
                begun(insert_session(self.store.db(), new).await?)?;
                None
            }
            Some(replaced) => {
                let txn = self.store.begin().await?;
                begun(insert_session(&txn, new).await?)?;
                let ended = replace_session(&txn, replaced, now).await?;
                txn.commit().await?;
                ended.then_some(replaced)
            }
        };

        if live_sessions >= self.config.max_sessions {
            self.end_oldest(user.id, client).await?;
        }

        let grant = Grant {
            user_id: user.id,
            session_id: id,
            roles: &user.roles,
            roles_version: user.roles_version,
            methods: method,
            authenticated_at: now,
            session_expires_at: expires_at,
        };
        let tokens = self.tokens(&grant, &seed, Rotation::START.newest, now)?;
        if let Some(session) = ended {
            self.revocations.session_ended(session, now);
            let (user, reason) = (Some(user.id), EndReason::Replaced);
            self.note(client, EventKind::SignedOut { user, session, reason }).await;
        }
        self.note(client, EventKind::SignedIn { user: user.id, session: id, method }).await;
        Ok(tokens)
    }

    /// Signs the pair of tokens for a generation.
    pub(crate) fn tokens(
        &self,
        grant: &Grant<'_>,
        seed: &[u8],
        generation: i64,
        now: i64,
    ) -> Result<Tokens, Error> {
        let keys = self.keys.get();
        let (access, access_expires_in) = keys.issuer.issue(grant, now, self.random.as_ref())?;
        let left = u64::try_from(grant.session_expires_at.saturating_sub(now)).unwrap_or(0);
        Ok(Tokens {
            user_id: grant.user_id,
            session_id: grant.session_id,
            access,
            access_expires_in,
            refresh: keys.refresh.make(grant.session_id, seed, generation),
            refresh_expires_in: self.config.refresh_ttl.min(Duration::from_millis(left)),
            device: None,
        })
    }

    /// The session of a refresh token, alive or not, if the token is one of ours.
    pub(crate) async fn genuine(&self, token: &RefreshToken) -> Result<Option<SessionRow>, Error> {
        let Some(parts) = RefreshParts::parse(token.expose()) else { return Ok(None) };
        let session = find_session(self.store.db(), parts.session_id).await?;
        Ok(session.filter(|session| self.keys.get().refresh.is_genuine(&parts, &session.seed)))
    }
}

/// A user who was deleted while signing in has no account to sign in to.
fn begun(inserted: bool) -> Result<(), Error> {
    if inserted { Ok(()) } else { Err(Error::InvalidCredentials) }
}
