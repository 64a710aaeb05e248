//! The one door: every way of signing in ends here, and sessions are made nowhere else.

use std::{mem, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    AccessToken, Claims, DeviceToken, EndReason, Error, RefreshToken, SessionId, SignIn, SignInFailure,
    Tokens, UserId,
    clock::duration_millis,
    event::EventKind,
    kernel::{Arrival, Attempt, Kernel, Passage, Remembered, Replaced},
    key_ring::Grant,
    random,
    store::{
        ConnectionTrait, DatabaseTransaction, NewSession, SessionRow, UserRow, find_session, insert_session,
        note_first_sign_in, replace_session,
    },
    task::until_won,
    token::{device::DeviceSeed, refresh::RefreshParts, rotation::Rotation},
};

/// Why there are neither tokens nor a challenge.
pub(crate) enum NotSignedIn {
    /// By a rule: the door says so in its own words, and what the attempt was.
    Refused(SignInFailure, Attempt),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for NotSignedIn {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Kernel {
    /// Asks the gate, starts a session for a user who proved who they are, and ends the one it replaces: both or neither.
    /// With as many sessions as allowed, the oldest ends. To be called [detached](super::detached).
    pub(crate) async fn sign_in(self: &Arc<Self>, mut arrival: Arrival) -> Result<SignIn, NotSignedIn> {
        loop {
            match self.ask_gate(&arrival).await? {
                Passage::Open(remembered) => {
                    mem::replace(&mut arrival.attempt, Attempt::counted_elsewhere()).right(self).await;
                    if let Some(tokens) = self.begin_session(&arrival, remembered).await? {
                        return Ok(SignIn::Granted(tokens));
                    }
                    // Somebody else has come with the same token, which names no device any more: asked as without one.
                    arrival.device = None;
                }
                Passage::Challenge(challenge) => {
                    arrival.attempt.right(self).await;
                    return Ok(SignIn::Challenge(challenge));
                }
                Passage::Refused(reason) => return Err(NotSignedIn::Refused(reason, arrival.attempt)),
                Passage::Stopped(error) => {
                    if let Error::Denied(_) = error {
                        let (user, reason) = (Some(arrival.user.id), SignInFailure::Denied);
                        self.note(&arrival.client, EventKind::SignInFailed { user, reason }).await;
                        arrival.attempt.right(self).await;
                    } else {
                        arrival.attempt.not_checked(self).await;
                    }
                    return Err(NotSignedIn::Failed(error));
                }
            }
        }
    }

    /// `None`: the device is not remembered by this token any more.
    async fn begin_session(
        &self,
        arrival: &Arrival,
        remembered: Option<Remembered>,
    ) -> Result<Option<Tokens>, Error> {
        let Arrival { user, methods, client, .. } = arrival;
        let now = self.now();
        let authenticated_at = arrival.authenticated_at.unwrap_or(now);
        let new = NewSession {
            id: random::uuid(self.random.as_ref())?.into(),
            user_id: user.id,
            epoch: user.epoch,
            seed: random::bytes(self.random.as_ref())?,
            methods: methods.clone(),
            user_agent: client.storable_user_agent(),
            ip: client.known_ip().map(|ip| ip.to_string()),
            auth_time: authenticated_at,
            device: remembered.filter(|device| device.spares).map(|device| device.device),
            now,
            idle: duration_millis(self.config.sessions.refresh_ttl),
            expires_at: now.saturating_add(duration_millis(self.config.sessions.session_ttl)),
        };
        let (id, seed, expires_at) = (new.id, new.seed, new.expires_at);
        let claims = self.claims(user, id, methods, authenticated_at).await?;
        let begun = until_won(|| async {
            let txn = self.store.begin().await?;
            begun(insert_session(&txn, new.clone()).await?)?;
            if let Some(device) = &remembered
                && !(device.rename)(&txn, device, now).await?
            {
                return Ok(None);
            }
            let ended = match arrival.replaces {
                Some(replaced) => self.replace(&txn, replaced, now).await?,
                None => None,
            };
            let signed_in = EventKind::SignedIn { user: user.id, session: id, methods: methods.clone() };
            let kinds: Vec<_> = ended.clone().into_iter().chain([signed_in]).collect();
            self.record_all(&txn, client, &kinds).await?;
            txn.commit().await?;
            Ok(Some(ended))
        });
        let Some(ended) = begun.await? else { return Ok(None) };
        if let Some(ended) = ended {
            if let Some(session) = ended.session() {
                self.revocations.session_ended(session);
            }
            self.emit(client, ended);
        }
        self.emit(client, EventKind::SignedIn { user: user.id, session: id, methods: methods.clone() });

        if arrival.live_sessions >= self.config.sessions.max_sessions {
            self.end_oldest(user.id, client).await?;
        }

        let grant = Grant {
            user_id: user.id,
            session_id: id,
            roles: &user.roles,
            roles_version: user.roles_version,
            methods,
            authenticated_at,
            session_expires_at: expires_at,
            claims: &claims,
        };
        let tokens = self.tokens(&grant, &seed, Rotation::START.newest, now)?;
        let token_id = remembered.map(|device| device.token_id).or(arrival.token_id);
        Ok(Some(Tokens { device: self.remember(user, token_id).await?, ..tokens }))
    }

    /// Ends the session whose place another one takes. `None`: it was over already.
    async fn replace(
        &self,
        txn: &DatabaseTransaction,
        Replaced { session, owner }: Replaced,
        now: i64,
    ) -> Result<Option<EventKind>, Error> {
        if !replace_session(txn, session, now).await? {
            return Ok(None);
        }
        let user = match owner {
            Some(owner) => Some(owner),
            None => owner_of(txn, session).await?,
        };
        Ok(Some(EventKind::SignedOut { user, session, reason: EndReason::Replaced }))
    }

    /// What the client shows next time, so that it is no stranger then, and what that names it by. Without it the sign-in is one
    /// all the same.
    pub(crate) async fn remember(
        &self,
        user: &UserRow,
        token_id: Option<Uuid>,
    ) -> Result<Option<DeviceToken>, Error> {
        let seed = if let Some(seed) = &user.device_seed {
            Some(seed.clone())
        } else {
            let seed = DeviceSeed::new(random::bytes::<32>(self.random.as_ref())?);
            let noted = note_first_sign_in(self.store.db(), user.id, seed, self.now()).await;
            noted.unwrap_or_else(|error| {
                tracing::warn!(error = Error::from(error).code(), "the device of a sign-in stays unknown");
                None
            })
        };
        match seed {
            Some(seed) => self.new_device(&user.email, &seed, user.epoch, token_id),
            None => Ok(None),
        }
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
        let session_expires_in = Duration::from_millis(left);
        Ok(Tokens {
            user_id: grant.user_id,
            session_id: grant.session_id,
            access,
            access_expires_in,
            refresh: keys.refresh.make(grant.session_id, seed, generation),
            refresh_expires_in: self.config.sessions.refresh_ttl.min(session_expires_in),
            browser: keys.browser.make(grant.session_id, seed),
            session_expires_in,
            device: None,
        })
    }

    /// An access token of a session that goes on, in which somebody has just shown who they are.
    pub(crate) fn access_token(
        &self,
        session: &SessionRow,
        methods: &str,
        claims: &Claims,
        now: i64,
    ) -> Result<(AccessToken, Duration), Error> {
        let grant = Grant {
            user_id: session.user.id,
            session_id: session.id,
            roles: &session.user.roles,
            roles_version: session.user.roles_version,
            methods,
            authenticated_at: now,
            session_expires_at: session.expires_at,
            claims,
        };
        self.keys.get().issuer.issue(&grant, now, self.random.as_ref())
    }

    /// The session that the client held so far, whose place a sign-in takes.
    pub(crate) async fn held(&self, token: Option<&RefreshToken>) -> Result<Option<Replaced>, Error> {
        let Some(token) = token else { return Ok(None) };
        let session = self.genuine(token).await?;
        Ok(session.map(|session| Replaced { session: session.id, owner: Some(session.user.id) }))
    }

    /// The session of a refresh token, alive or not, if the token is one of ours.
    pub(crate) async fn genuine(&self, token: &RefreshToken) -> Result<Option<SessionRow>, Error> {
        let Some(parts) = RefreshParts::parse(token.expose()) else { return Ok(None) };
        let session = find_session(self.store.db(), parts.session_id).await?;
        Ok(session.filter(|session| self.keys.get().refresh.is_genuine(&parts, &session.seed)))
    }
}

/// Whose session it is, for what is written down about it.
pub(super) async fn owner_of(db: &impl ConnectionTrait, session: SessionId) -> Result<Option<UserId>, Error> {
    Ok(find_session(db, session).await?.map(|session| session.user.id))
}

/// A user who was deleted while signing in has no account to sign in to.
fn begun(inserted: bool) -> Result<(), Error> {
    if inserted { Ok(()) } else { Err(Error::InvalidCredentials) }
}
