//! The one handle that a host keeps.

mod account;
mod background;

use std::{fmt, sync::Arc};

use crate::{
    ChangedUser, Clock, Config, ConfigError, Error, KeyRing, Keys, Principal, RefreshToken, Revocations,
    Session, SessionId, SignIn, TokenVerifier, Tokens, User, UserChange, UserId,
    client::ClientInfo,
    flow::{Login, PreparedRegister, Register},
    kernel::Kernel,
    mail::MailBacklog,
    password::HashPoolStats,
    task::detached,
};

/// Authentication for one database: cheap to clone, made once with [`Auth::builder`].
///
/// Every operation is one `async fn` and stays correct when its future is dropped at any await point.
#[derive(Clone)]
pub struct Auth {
    pub(crate) kernel: Arc<Kernel>,
}

impl Auth {
    /// Makes an account: checks address and password, hashes, writes the user in one transaction.
    ///
    /// # Errors
    /// [`Error::Validation`] names the fields; [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN) also for the losers of a race;
    /// [`REGISTRATION_CLOSED`](crate::refusal::REGISTRATION_CLOSED), before anything is looked at;
    /// [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn register(&self, register: Register) -> Result<User, Error> {
        Arc::clone(&self.kernel).register(register).await
    }

    /// The first half of [`register`](Self::register) for a host that makes the user inside its own
    /// transaction: checks and hashes, and does not touch the database.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::Throttled`], [`Error::Overloaded`];
    /// [`REGISTRATION_CLOSED`](crate::refusal::REGISTRATION_CLOSED), where a host makes accounts with
    /// [`create_user`](Self::create_user).
    pub async fn prepare_register(&self, register: Register) -> Result<PreparedRegister, Error> {
        Arc::clone(&self.kernel).prepare_register(register).await
    }

    /// Signs in with address and password.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for an unknown address, a wrong password and a disabled account alike,
    /// after the same work; [`Error::Throttled`], whatever the password; [`Error::Overloaded`];
    /// [`Error::Unavailable`].
    pub async fn login(&self, login: Login) -> Result<SignIn, Error> {
        Arc::clone(&self.kernel).login(login).await
    }

    /// Exchanges a refresh token for new tokens. Within the grace the same token gets the same successor;
    /// a replay after it ends the session.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the token is not ours; [`Error::SessionOver`] when the session has
    /// ended, and the token may be thrown away; [`Error::SessionLeft`] when the client itself has ended it, and a
    /// newer token may be where this one was; [`Error::Throttled`] and [`Error::Unavailable`], after which the same
    /// token works.
    pub async fn refresh(&self, token: RefreshToken, client: ClientInfo) -> Result<Tokens, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.refresh(&token, client).await }).await
    }

    /// Ends the session of a refresh token, whichever generation of it this is. Ending a session that is
    /// over is no error, and neither is a token that was never one of ours: there is nothing left to end.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the session may still be alive.
    pub async fn logout(&self, token: RefreshToken, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.logout(&token, client).await }).await
    }

    /// Ends one session by its id, whoever it belongs to: check that the caller may. Idempotent.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: the session may still be alive.
    pub async fn logout_session(&self, session: SessionId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.logout_session(session, client).await }).await
    }

    /// Ends every session of a user, also one that is being made at this moment, and every link that is on its way.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn logout_all(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.logout_all(user, client).await }).await
    }

    /// Lists the caller's live sessions, the most recently used first. In the same statement the caller's own
    /// session is checked.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn sessions(&self, caller: &Principal) -> Result<Vec<Session>, Error> {
        self.kernel.sessions(caller).await
    }

    /// Ends one of the caller's sessions, which may be the caller's own.
    ///
    /// # Errors
    /// [`SESSION_NOT_FOUND`](crate::refusal::SESSION_NOT_FOUND) when it is not one of theirs or is over; [`Error::SessionOver`] when the
    /// caller's own is; [`Error::Unavailable`].
    pub async fn end_session(
        &self,
        caller: &Principal,
        session: SessionId,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { kernel.end_session(&caller, session, client).await }).await
    }

    /// Ends all sessions of the caller but the caller's own, also one that a sign-in is making at this moment, and every link
    /// that is on its way.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn end_other_sessions(&self, caller: &Principal, client: ClientInfo) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { kernel.end_other_sessions(&caller, client).await }).await
    }

    /// Reads a user.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn user(&self, user: UserId) -> Result<User, Error> {
        self.kernel.user(user).await
    }

    /// Reads the user behind an access token and, in the same statement, whether the session still lives:
    /// a revoked session or a disabled user is refused at once.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn current_user(&self, principal: &Principal) -> Result<User, Error> {
        self.kernel.current_user(principal).await
    }

    /// The strict check of an access token: reads in one statement whether the session still lives, and returns
    /// the caller with the roles of this moment instead of those in the token. A revoked session or a disabled
    /// user is refused at once.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn verify_session(&self, principal: &Principal) -> Result<Principal, Error> {
        self.kernel.verify_session(principal).await
    }

    /// Sets the roles of a user to exactly these; `user` is implied. Access tokens already issued tell the
    /// old ones until they expire; see the
    /// [ways to check one](crate::manual::architecture#three-ways-to-check-an-access-token).
    ///
    /// # Errors
    /// [`Error::Validation`] unless each is 1 to 64 of `[a-z0-9_-]`; [`LAST_ADMIN`](crate::refusal::LAST_ADMIN); [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND);
    /// [`Error::Unavailable`].
    pub async fn set_roles(&self, user: UserId, roles: &[&str], client: ClientInfo) -> Result<(), Error> {
        let change = UserChange::default().roles(roles.iter().copied());
        self.update_user(user, change, client).await.map(drop)
    }

    /// Disables a user, and ends all sessions and every link that is on its way. Idempotent.
    ///
    /// # Errors
    /// [`LAST_ADMIN`](crate::refusal::LAST_ADMIN), [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn disable(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        self.update_user(user, UserChange::default().disabled(true), client).await.map(drop)
    }

    /// Lets a disabled user sign in again; old sessions stay ended. Idempotent.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn enable(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        self.update_user(user, UserChange::default().disabled(false), client).await.map(drop)
    }

    /// Changes roles and whether the user is disabled in one transaction, and tells how the user is then, and who has the roles
    /// with them: see to the identities that it names, or take them away first. What
    /// [`set_roles`](Self::set_roles), [`disable`](Self::disable) and [`enable`](Self::enable) say of each holds here.
    ///
    /// # Errors
    /// As of these; then nothing has changed.
    pub async fn update_user(
        &self,
        user: UserId,
        change: UserChange,
        client: ClientInfo,
    ) -> Result<ChangedUser, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.update_user(user, change, client).await }).await
    }

    /// Forgets the failed sign-ins of an account, so that it need not wait and any device can sign in. For an operator
    /// who is asked for help; whoever signs in does the same.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn unlock(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.unlock(user, client).await }).await
    }

    /// Verifies access tokens without a database. Cheap to clone, and may be sent anywhere.
    pub fn verifier(&self) -> TokenVerifier {
        self.kernel.verifier.clone()
    }

    /// The public keys as a JWK set (RFC 7517), to be served as it is: see
    /// [`TokenVerifier::from_jwks`]. Empty with an HS algorithm: its key is a secret.
    pub fn jwks(&self) -> String {
        self.kernel.keys.get().jwks(self.kernel.now())
    }

    /// Replaces the keys of this handle, of its clones, and of every verifier they gave away, from one request to
    /// the next: nothing has to be restarted. Tokens made before stay good if `keys` names what made them; the
    /// manual's page on [keys](crate::manual::keys) has the order of steps.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting; the keys from before then stay in force. Refused as well: to sign with a key
    /// ring that has no key, and secrets without the one that a key of the ring is encrypted under.
    pub fn set_keys(&self, keys: &Keys) -> Result<(), ConfigError> {
        self.kernel.set_keys(keys)
    }

    /// The keys in the database: to add one, to revoke one, to list them.
    pub fn key_ring(&self) -> KeyRing {
        KeyRing::new(Arc::clone(&self.kernel))
    }

    /// What ended lately, as far as this process knows: makes a stateless check a bounded one
    /// ([`TokenVerifier::bounded`]). Empty unless [`run_background`](Self::run_background) runs, which polls
    /// from the first call of this on.
    pub fn revocations(&self) -> Revocations {
        self.kernel.revocations.asked_for()
    }

    /// How busy the hash pool is, for a page of metrics. Cheap.
    pub fn hash_pool(&self) -> HashPoolStats {
        self.kernel.passwords.stats()
    }

    /// How much mail waits in the outbox, of all instances, for a page of metrics. One SELECT.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn mail_backlog(&self) -> Result<MailBacklog, Error> {
        self.kernel.mail_backlog().await
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.kernel.config
    }

    /// The clock in use, for adapters that show or compare times.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.kernel.clock)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("config", &self.kernel.config).finish_non_exhaustive()
    }
}
