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
///
/// ```
/// use auth_core::{Auth, ClientInfo, Keys, Login, Register, SecretKey, SignIn};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = auth_core::connect("sqlite::memory:").await?;
/// # auth_migration::up(&db).await?;
/// # let keys = Keys::new(SecretKey::new("32 bytes that are random, or more")?);
/// let auth = Auth::builder(db, keys).build()?;
/// let ada = auth.register(Register::new("ada@example.com", "correct horse battery")).await?;
/// auth.set_roles(ada.id, &["editor"], ClientInfo::default()).await?;
/// let SignIn::Granted(tokens) = auth.login(Login::new("ada@example.com", "correct horse battery")).await? else {
///     return Err("a second factor is needed".into());
/// };
/// assert_eq!(auth.verifier().verify(tokens.access.expose())?.roles(), ["user", "editor"]);
/// # Ok(())
/// # }
/// ```
///
/// | for | |
/// | --- | --- |
/// | set-up | [`builder`](Self::builder), [`run_background`](Self::run_background), [`release_leases`](Self::release_leases), [`check`](Self::check), [`can_write`](Self::can_write), [`config`](Self::config), [`clock`](Self::clock), [`sends_mail`](Self::sends_mail), [`has_hooks`](Self::has_hooks) |
/// | accounts | [`register`](Self::register), [`prepare_register`](Self::prepare_register), [`change_profile`](Self::change_profile), [`change_password`](Self::change_password), [`has_password`](Self::has_password), [`remove_password`](Self::remove_password), [`delete_account`](Self::delete_account), [`export`](Self::export), [`export_for`](Self::export_for), [`own_events`](Self::own_events) |
/// | signing in and out | [`login`](Self::login), [`sign_in`](Self::sign_in), [`refresh`](Self::refresh), [`look`](Self::look), [`logout`](Self::logout), [`logout_session`](Self::logout_session), [`logout_browser`](Self::logout_browser), [`logout_all`](Self::logout_all), [`email_codes`](Self::email_codes), `oidc` (with that feature) |
/// | sessions | [`sessions`](Self::sessions), [`end_session`](Self::end_session), [`end_other_sessions`](Self::end_other_sessions) |
/// | who is calling | [`verifier`](Self::verifier), [`verify_session`](Self::verify_session), [`current_user`](Self::current_user), [`verify_browser`](Self::verify_browser), [`user`](Self::user) |
/// | by mail | [`request_email_verification`](Self::request_email_verification), [`verify_email`](Self::verify_email), [`verify_email_carrying`](Self::verify_email_carrying), [`forgot_password`](Self::forgot_password), [`reset_password`](Self::reset_password), [`request_email_change`](Self::request_email_change), [`stop_email_change`](Self::stop_email_change) |
/// | second factors, recent proof | [`factors`](Self::factors), [`passkeys`](Self::passkeys), [`step_up`](Self::step_up), [`require_recent_proof`](Self::require_recent_proof), [`reset_factors`](Self::reset_factors), [`unlock_factors`](Self::unlock_factors) |
/// | machines | [`machines`](Self::machines) |
/// | administration | [`list_users`](Self::list_users), [`find_user`](Self::find_user), [`create_user`](Self::create_user), [`update_user`](Self::update_user), [`set_roles`](Self::set_roles), [`disable`](Self::disable), [`enable`](Self::enable), [`unlock`](Self::unlock), [`sessions_of`](Self::sessions_of), [`delete_user`](Self::delete_user), [`events`](Self::events), [`events_after`](Self::events_after), [`send_reset_link`](Self::send_reset_link), [`reset_link`](Self::reset_link) |
/// | telling other services | `webhooks` (with that feature), `deliver_webhooks` |
/// | moving in and out | [`import`](Self::import), [`export_users`](Self::export_users) |
/// | keys | [`jwks`](Self::jwks), [`set_keys`](Self::set_keys), [`key_ring`](Self::key_ring) |
/// | parts of the background task, and its numbers | [`revocations`](Self::revocations), [`poll_revocations`](Self::poll_revocations), [`poll_keys`](Self::poll_keys), [`deliver_mail`](Self::deliver_mail), [`place_events`](Self::place_events), [`sweep`](Self::sweep), [`sweep_in_turn`](Self::sweep_in_turn), [`mail_backlog`](Self::mail_backlog), [`hash_pool`](Self::hash_pool) |
#[derive(Clone)]
pub struct Auth {
    pub(crate) kernel: Arc<Kernel>,
}

/// Registration, sign-in and sessions.
impl Auth {
    /// Makes an account: checks address and password, hashes, writes the user in one transaction.
    ///
    /// # Errors
    /// [`Error::Validation`] names the fields; [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN) and
    /// [`USERNAME_TAKEN`](crate::refusal::USERNAME_TAKEN), also for the losers of a race;
    /// [`REGISTRATION_CLOSED`](crate::refusal::REGISTRATION_CLOSED), before anything is looked at; [`Error::Denied`] and
    /// [`Error::HookUnavailable`] by the host's own [`Hooks`](crate::Hooks); [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
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

    /// Signs in with address, or user name, and password.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for an unknown address, a wrong password and a disabled account alike,
    /// after the same work; [`Error::Denied`] and [`Error::HookUnavailable`] of a right password, by the host's own
    /// [`Hooks`](crate::Hooks); [`Error::Throttled`], whatever the password; [`Error::Overloaded`];
    /// [`Error::Unavailable`].
    pub async fn login(&self, login: Login) -> Result<SignIn, Error> {
        Arc::clone(&self.kernel).login(login).await
    }

    /// Signs in somebody who has proved to the host who they are: by a directory (LDAP), by SAML, by the registration that has
    /// just ended. **Whoever calls this has checked that proof**; nothing is asked here but the gate that every sign-in passes:
    /// whether the account is disabled, has to prove its address, or is asked for a second factor. No attempt is counted.
    ///
    /// `method` is what the token tells of it (claim `amr`, RFC 8176), as `ldap`, or `pwd` for a password: 1 to 32 of
    /// `[a-z0-9_-]`. None raises the assurance above one factor.
    ///
    /// ```
    /// # async fn sign_up(auth: auth_core::Auth, client: auth_core::ClientInfo) -> Result<(), auth_core::Error> {
    /// use auth_core::{Register, SignIn};
    ///
    /// let register = Register::new("ada@example.com", "correct horse battery").client(client.clone());
    /// let ada = auth.register(register).await?;
    /// if let SignIn::Granted(tokens) = auth.sign_in(ada.id, "pwd", client).await? {
    ///     // Hand them out; auth-tower has the cookies: `AuthService::session_cookies`.
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND); [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED), with the
    /// link on its way; [`Error::InvalidCredentials`] for a disabled account; [`Error::Validation`] on `method`;
    /// [`Error::Unavailable`].
    pub async fn sign_in(&self, user: UserId, method: &str, client: ClientInfo) -> Result<SignIn, Error> {
        let (kernel, method) = (Arc::clone(&self.kernel), method.to_owned());
        detached(async move { kernel.sign_in_vouched(user, method, client).await }).await
    }

    /// Exchanges a refresh token for new tokens. Within the grace the same token gets the same successor;
    /// a replay after it ends the session.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the token is not ours; [`Error::SessionOver`] when the session has
    /// ended, and the token may be thrown away; [`Error::SessionLeft`] when the client itself has ended it, and a
    /// newer token may be where this one was; [`Error::Throttled`], [`Error::HookUnavailable`] and [`Error::Unavailable`], after
    /// which the same token works.
    pub async fn refresh(&self, token: RefreshToken, client: ClientInfo) -> Result<Tokens, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.refresh(&token, client).await }).await
    }

    /// Looks at the session of a refresh token, for a page that a browser shows it to: checked as by [`refresh`](Self::refresh), a
    /// replay ends the session here too. A token that is younger than an access token lives comes back as it is and nothing is
    /// written; an older one is replaced. Whoever puts [`Tokens::refresh`] into the jar, changed or not, is right.
    ///
    /// # Errors
    /// As of [`refresh`](Self::refresh).
    pub async fn look(&self, token: RefreshToken, client: ClientInfo) -> Result<Tokens, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.look(&token, client).await }).await
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
}

/// Who somebody is.
impl Auth {
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
}

/// What an administrator changes.
impl Auth {
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

    /// The live sessions of a user, the latest used first; none of who never was. [`logout_session`](Self::logout_session) ends one,
    /// [`logout_all`](Self::logout_all) all of them. Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<Session>, Error> {
        self.kernel.sessions_of(user).await
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
}

/// Access tokens and their keys.
impl Auth {
    /// Whether the host has a say of its own ([`AuthBuilder::hooks`](crate::AuthBuilder::hooks)).
    pub fn has_hooks(&self) -> bool {
        self.kernel.hooks.is_some()
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
}

/// What it works with.
impl Auth {
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
