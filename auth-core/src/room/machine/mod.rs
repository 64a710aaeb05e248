//! Machines: API keys of people, service accounts, and the tokens that those get for their keys.
//!
//! A machine is let in where it is asked for, and nowhere else: see the manual's page on [machines](crate::manual::machines).
//!
//! ```
//! # async fn run(auth: auth_core::Auth, caller: auth_core::Principal) -> Result<(), auth_core::Error> {
//! use auth_core::{ClientInfo, machine::NewApiKey};
//!
//! let Some(machines) = auth.machines() else { return Ok(()) }; // switched off
//! // The caller has signed in a moment ago.
//! let made = machines.create_key(&caller, NewApiKey::new("nightly export").scope("read:todos"), ClientInfo::default()).await?;
//! println!("{}", made.secret.expose()); // shown once
//!
//! let machine = machines.verify(made.secret.expose(), &ClientInfo::default()).await?;
//! assert!(machine.has_scope("read:todos") && machine.session_id().is_none());
//! # Ok(())
//! # }
//! ```

mod check;
mod entity;
mod introspect;
mod key;
mod revoke;
mod scope;
mod service;
mod store;
mod token;
mod verify;

use std::{fmt, sync::Arc, time::Duration};

use uuid::Uuid;

pub(crate) use self::verify::KnownKeys;
pub use self::{
    introspect::{Introspection, TokenKind},
    key::{ApiKey, MadeApiKey, NewApiKey, RotateApiKey},
    scope::{ADMIN_SCOPE, EVENTS_SCOPE, INTROSPECT_SCOPE, is_scope},
    service::{Account, ServiceAccount, ServiceChange, ServicePage},
    token::ServiceToken,
};
use crate::{
    ApiKeyId, Auth, Class, ClientInfo, Config, Error, Principal, Refusal, UserId,
    kernel::{Kernel, Room, Sweep},
    revocation::Ended,
    store::{ColumnKind, Exported, Table},
    task::detached,
    token::api_key,
};

pub(crate) const ROOM: Room = Room {
    tables: &[
        Table::of::<entity::service::Entity>("auth_service_account"),
        Table::of::<entity::key::Entity>("auth_api_key"),
        Table::of::<entity::ended_token::Entity>("auth_ended_token"),
    ],
    sweep: &[
        Sweep { table: "auth_api_key", id: "id", at: "expires_at", kept: still_news },
        Sweep { table: "auth_api_key", id: "id", at: "revoked_at", kept: still_news },
        Sweep { table: "auth_ended_token", id: "id", at: "ended_at", kept: still_news },
    ],
    export: &[Exported {
        member: "api_keys",
        table: "auth_api_key",
        user: "user_id",
        columns: &[
            ("id", ColumnKind::Id),
            ("name", ColumnKind::Text),
            ("hint", ColumnKind::Text),
            ("scopes", ColumnKind::Text),
            ("created_at", ColumnKind::Time),
            ("expires_at", ColumnKind::Time),
            ("last_used_at", ColumnKind::Time),
        ],
    }],
    // No way to sign in, and still not for who comes after.
    goes_along: &[("auth_api_key", "user_id", "API keys")],
    ended: Some(|kernel, since| Box::pin(ended(kernel, since))),
    findings: Some(|kernel| Box::pin(check::check(kernel))),
    ..Room::EMPTY
};

/// Other instances may still have to learn that a row is over.
#[expect(clippy::unnecessary_wraps, reason = "the form of a sweep")]
fn still_news(config: &Config) -> Option<Duration> {
    Some(config.tokens.access_ttl.saturating_add(Duration::from_mins(5)))
}

async fn ended(kernel: &Kernel, since: i64) -> Result<Ended, Error> {
    if !kernel.config.api_keys.enabled {
        return Ok(Ended::default());
    }
    Ok(store::ended_since(kernel.store.db(), since, kernel.now()).await?)
}

/// The account has no such key, or it is over.
pub const API_KEY_NOT_FOUND: Refusal = Refusal::not_found("There is no such key.");
/// Another key has taken its place already.
pub const API_KEY_ROTATED: Refusal =
    Refusal::new(Class::Conflict, "api_key_rotated", "Another key has taken the place of this one already.");
/// An account may have a hundred.
pub const API_KEY_LIMIT: Refusal =
    Refusal::new(Class::Conflict, "api_key_limit", "There are too many keys: delete one first.");
/// There is no such service account.
pub const SERVICE_NOT_FOUND: Refusal = Refusal::not_found("There is no such service account.");
/// The key of a person: only service accounts get tokens for theirs.
pub const UNAUTHORIZED_CLIENT: Refusal =
    Refusal::new(Class::Forbidden, "unauthorized_client", "Only a service account gets a token for its key.");
/// More was asked for than the key is for.
pub const INVALID_SCOPE: Refusal =
    Refusal::new(Class::Forbidden, "invalid_scope", "The key is not for all that was asked for.");

/// Whether this has the form of an API key, and its check digits: somebody may have it. Asks nobody.
pub fn is_key(text: &str) -> bool {
    api_key::is_key(text)
}

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Person(UserId),
    Service(UserId),
}

impl Owner {
    fn account(self) -> UserId {
        match self {
            Self::Person(account) | Self::Service(account) => account,
        }
    }
}

/// API keys and service accounts, from [`Auth::machines`]. Cheap to clone.
#[derive(Clone)]
pub struct Machines {
    kernel: Arc<Kernel>,
}

impl fmt::Debug for Machines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machines").finish_non_exhaustive()
    }
}

/// Machines.
impl Auth {
    /// API keys and service accounts, unless they are [switched off](crate::ApiKeyConfig::enabled).
    pub fn machines(&self) -> Option<Machines> {
        self.kernel.config.api_keys.enabled.then(|| Machines { kernel: Arc::clone(&self.kernel) })
    }
}

/// Who is calling.
impl Machines {
    /// Whose key this is, with the roles of the owner as they were at most [`poll`](crate::BackgroundConfig::poll) ago, a second
    /// by default; at once where a change was made by this process. One SELECT in that time however often the key is shown,
    /// and one UPDATE in five minutes; none for what is no key. The role `admin` is the owner's only with the scope
    /// [`admin`](ADMIN_SCOPE).
    ///
    /// # Errors
    /// [`Error::InvalidToken`]; [`Error::Throttled`] for an unknown key out of a network that tried too many that nobody has;
    /// [`Error::Unavailable`].
    pub async fn verify(&self, key: &str, client: &ClientInfo) -> Result<Principal, Error> {
        verify::verify(&self.kernel, key, client).await
    }

    /// The same caller at this moment, read from the database: its key, its owner and the owner's roles.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::Unavailable`].
    pub async fn current(&self, caller: &Principal) -> Result<Principal, Error> {
        verify::current(&self.kernel, caller).await
    }

    /// The account behind a machine, at this moment.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::Unavailable`].
    pub async fn account(&self, caller: &Principal) -> Result<Account, Error> {
        service::account(&self.kernel, caller).await
    }
}

/// A person's own keys.
impl Machines {
    /// Makes a key for the caller, who has shown lately who they are. It is told this once.
    ///
    /// # Errors
    /// [`Error::Validation`] on `name`, `scopes` or `expires_in_days`; [`API_KEY_LIMIT`];
    /// [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED); [`Error::StepUpRequired`]; [`Error::SessionRequired`] for a
    /// machine: no key makes keys; [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn create_key(
        &self,
        caller: &Principal,
        new: NewApiKey,
        client: ClientInfo,
    ) -> Result<MadeApiKey, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { key::create_own(&kernel, &caller, new, &client).await }).await
    }

    /// The caller's keys that are not over, the newest first.
    ///
    /// # Errors
    /// [`Error::SessionRequired`], [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn keys(&self, caller: &Principal) -> Result<Vec<ApiKey>, Error> {
        let user = self.kernel.live_session(caller).await?.user.id;
        key::list(&self.kernel, Some(Owner::Person(user))).await
    }

    /// Ends a key of the caller's.
    ///
    /// # Errors
    /// [`API_KEY_NOT_FOUND`], also for somebody else's; [`Error::SessionRequired`]; [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn end_key(&self, caller: &Principal, key: ApiKeyId, client: ClientInfo) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move {
            let user = kernel.live_session(&caller).await?.user.id;
            key::end(&kernel, key, Some(Owner::Person(user)), &client.actor(user)).await
        })
        .await
    }

    /// Makes a key in the place of one of the caller's, which goes on for an overlap: with the same name, scopes and lifetime.
    ///
    /// # Errors
    /// As of [`create_key`](Self::create_key); [`API_KEY_NOT_FOUND`]; [`API_KEY_ROTATED`]; [`Error::Validation`] on
    /// `overlap_hours`.
    pub async fn rotate_key(
        &self,
        caller: &Principal,
        rotate: RotateApiKey,
        client: ClientInfo,
    ) -> Result<MadeApiKey, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { key::rotate_own(&kernel, &caller, rotate, &client).await }).await
    }
}

/// Administration: check that the caller may.
impl Machines {
    /// Makes a service account: no address, no password, no way to sign in.
    ///
    /// # Errors
    /// [`Error::Validation`] on `name` or `roles`; [`Error::Unavailable`].
    pub async fn create_service(
        &self,
        name: &str,
        roles: Vec<String>,
        client: ClientInfo,
    ) -> Result<ServiceAccount, Error> {
        let (kernel, name) = (Arc::clone(&self.kernel), name.to_owned());
        detached(async move { service::create(&kernel, &name, roles, &client).await }).await
    }

    /// A page of service accounts, in the order in which they came; `after` is the last one of the page before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn services(&self, after: Option<Uuid>, limit: u64) -> Result<ServicePage, Error> {
        service::list(&self.kernel, after, limit).await
    }

    /// A service account.
    ///
    /// # Errors
    /// [`SERVICE_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn service(&self, account: UserId) -> Result<ServiceAccount, Error> {
        service::find(&self.kernel, account).await
    }

    /// Changes a service account. Other roles, or to be disabled, end its tokens.
    ///
    /// # Errors
    /// [`SERVICE_NOT_FOUND`]; [`Error::Validation`] on `name` or `roles`; [`Error::Unavailable`].
    pub async fn change_service(
        &self,
        account: UserId,
        change: ServiceChange,
        client: ClientInfo,
    ) -> Result<ServiceAccount, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { service::change(&kernel, account, change, &client).await }).await
    }

    /// Deletes a service account with its keys.
    ///
    /// # Errors
    /// [`SERVICE_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn delete_service(&self, account: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { service::delete(&kernel, account, &client).await }).await
    }

    /// Makes a key for a service account. It is told this once.
    ///
    /// # Errors
    /// [`SERVICE_NOT_FOUND`]; [`Error::Validation`] on `name`, `scopes` or `expires_in_days`; [`API_KEY_LIMIT`];
    /// [`Error::Unavailable`].
    pub async fn create_service_key(
        &self,
        account: UserId,
        new: NewApiKey,
        client: ClientInfo,
    ) -> Result<MadeApiKey, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { key::create_for(&kernel, Owner::Service(account), new, &client).await }).await
    }

    /// Makes a key for a person, who is not asked: for an operator at the command line.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND); else as of [`create_service_key`](Self::create_service_key).
    pub async fn create_key_for(
        &self,
        user: UserId,
        new: NewApiKey,
        client: ClientInfo,
    ) -> Result<MadeApiKey, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { key::create_for(&kernel, Owner::Person(user), new, &client).await }).await
    }

    /// The keys of a service account that are not over, the newest first.
    ///
    /// # Errors
    /// [`SERVICE_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn service_keys(&self, account: UserId) -> Result<Vec<ApiKey>, Error> {
        service::find(&self.kernel, account).await?;
        key::list(&self.kernel, Some(Owner::Service(account))).await
    }

    /// Every key that is not over, of people and of services, the newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn all_keys(&self) -> Result<Vec<ApiKey>, Error> {
        key::list(&self.kernel, None).await
    }

    /// Ends any key, whoever it belongs to.
    ///
    /// # Errors
    /// [`API_KEY_NOT_FOUND`], [`Error::Unavailable`].
    pub async fn end_any_key(&self, key: ApiKeyId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { key::end(&kernel, key, None, &client).await }).await
    }

    /// Makes a key in the place of one of a service account, as [`rotate_key`](Self::rotate_key).
    ///
    /// # Errors
    /// [`API_KEY_NOT_FOUND`], also for the key of a person; [`API_KEY_ROTATED`]; [`Error::Validation`] on `overlap_hours`;
    /// [`Error::Unavailable`].
    pub async fn rotate_service_key(
        &self,
        rotate: RotateApiKey,
        client: ClientInfo,
    ) -> Result<MadeApiKey, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { key::rotate_of_service(&kernel, rotate, &client).await }).await
    }
}

/// Tokens.
impl Machines {
    /// A token for the key of a service account (RFC 6749 section 4.4), that other services verify without asking here
    /// ([`TokenVerifier::verify_any`](crate::TokenVerifier::verify_any)). `account` is whose key the client says it is, if it
    /// does; `scope` is what is asked for, with spaces between, or all that the key is for.
    ///
    /// # Errors
    /// As of [`verify`](Self::verify); [`UNAUTHORIZED_CLIENT`] for the key of a person; [`INVALID_SCOPE`].
    pub async fn token(
        &self,
        key: &str,
        account: Option<UserId>,
        scope: Option<&str>,
        client: &ClientInfo,
    ) -> Result<ServiceToken, Error> {
        token::issue(&self.kernel, key, account, scope, client).await
    }

    /// What is known of a token at this moment: an access token, a refresh token or an API key (RFC 7662). `None`: it is not good,
    /// whatever the reason. Check that the caller may ask. Only reads: no refresh token is rotated, and none counts as used again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn introspect(&self, token: &str) -> Result<Option<Introspection>, Error> {
        introspect::introspect(&self.kernel, token).await
    }

    /// Ends a token: with a refresh or access token its session, the token of a service account, or an API key (RFC 7009). Whoever
    /// has it may. What is not good, or never was, is over already.
    ///
    /// # Errors
    /// [`Error::Throttled`] out of a network that tried too many keys that nobody has; [`Error::Unavailable`].
    pub async fn revoke(&self, token: &str, client: ClientInfo) -> Result<(), Error> {
        let (kernel, token) = (Arc::clone(&self.kernel), zeroize::Zeroizing::new(token.to_owned()));
        detached(async move { revoke::revoke(&kernel, &token, client).await }).await
    }
}
