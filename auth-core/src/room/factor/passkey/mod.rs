//! Passkeys (WebAuthn Level 3): a sign-in of two factors at once, a second factor, and a way to step up. They are a part of this
//! room: recovery codes, challenges and what a policy asks for are the same for all factors.

mod account;
mod challenge;
mod check;
mod credential;
mod entity;
mod login;
mod provider;
mod register;
mod shown;
mod store;
mod verify;

use std::{fmt, sync::Arc, time::SystemTime};

use uuid::Uuid;

#[cfg(fuzzing)]
pub use self::verify::fuzzing;
pub use self::{account::PasskeySignal, login::PasskeyLogin, register::PasskeyAdded};
pub(super) use self::{
    challenge::{Purpose, to_sign},
    check::check,
    register::{begin_for, look as look_at_new, stand},
    shown::{Shown, look},
    store::{beside, count_by_site, list_passkeys, remove_passkeys},
};
use self::{store::PasskeyRow, verify::RelyingParty};
use crate::{
    Auth, Class, ClientInfo, Error, PasskeyOptions, Password, Principal, Refusal, SignIn, UserId,
    clock::from_millis,
    kernel::{Kernel, Sweep, WaysIn},
    store::{ColumnKind, DatabaseTransaction, Exported, Table},
    task::{BoxFuture, detached},
};

/// The name of a passkey among factors.
pub(super) const PASSKEY: &str = "passkey";

pub(super) const TABLES: [Table; 2] = [
    Table::of::<entity::passkey::Entity>("auth_passkey"),
    Table::of::<entity::challenge::Entity>("auth_passkey_challenge"),
];

pub(super) const SWEEP: Sweep = Sweep {
    table: "auth_passkey_challenge",
    id: "id",
    at: "expires_at",
    kept: |_| Some(std::time::Duration::ZERO),
};

pub(super) const EXPORTED: Exported = Exported {
    member: "passkeys",
    table: "auth_passkey",
    user: "user_id",
    columns: &[
        ("id", ColumnKind::Id),
        ("rp_id", ColumnKind::Text),
        ("name", ColumnKind::Text),
        ("aaguid", ColumnKind::Id),
        ("transports", ColumnKind::Text),
        ("created_at", ColumnKind::Time),
        ("last_used_at", ColumnKind::Time),
    ],
};

pub(super) const WAYS_IN: WaysIn =
    WaysIn { table: "auth_passkey", user: "user_id", called: "a passkey", named: None, count };

/// One for another site signs nobody in.
fn count<'a>(
    kernel: &'a Kernel,
    txn: &'a DatabaseTransaction,
    user: UserId,
) -> BoxFuture<'a, Result<u64, Error>> {
    Box::pin(async move {
        let Some(site) = kernel.config.passkeys.site() else { return Ok(0) };
        let all = list_passkeys(txn, user).await?;
        Ok(all.iter().filter(|row| row.rp_id == site).count() as u64)
    })
}

/// There is no such passkey.
pub const PASSKEY_NOT_FOUND: Refusal = Refusal::not_found("There is no such passkey.");
/// An account has as many passkeys as it may.
pub const TOO_MANY_PASSKEYS: Refusal =
    Refusal::new(Class::Conflict, "too_many_passkeys", "There are 20 passkeys already: remove one first.");

/// Who asks, where there are passkeys.
fn party(kernel: &Kernel) -> Option<RelyingParty> {
    let config = &kernel.config.passkeys;
    Some(RelyingParty::new(config.site()?, &config.origins))
}

/// A passkey, for its owner to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passkey {
    /// For [`Passkeys::rename`] and [`Passkeys::remove`].
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What keeps it, as far as that tells and is known here; nobody vouches for it.
    pub provider: Option<&'static str>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When somebody last signed in or stepped up with it.
    pub last_used_at: Option<SystemTime>,
    /// Whether it is kept elsewhere too, so that it is not lost with the device.
    pub backed_up: bool,
    /// How its authenticator can be reached, as `internal` or `usb` (WebAuthn Level 3 section 5.8.4).
    pub transports: Vec<String>,
}

impl From<PasskeyRow> for Passkey {
    fn from(row: PasskeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            provider: provider::name_of(row.aaguid),
            created_at: from_millis(row.created_at),
            last_used_at: row.last_used_at.map(from_millis),
            backed_up: row.backed_up,
            transports: row.transports.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

/// Passkeys, from [`Auth::passkeys`]. Cheap to clone.
#[derive(Clone)]
pub struct Passkeys {
    kernel: Arc<Kernel>,
}

impl fmt::Debug for Passkeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passkeys").finish_non_exhaustive()
    }
}

/// Passkeys.
impl Auth {
    /// Passkeys, where a [site](crate::PasskeyConfig::rp_id) is named that can have them.
    pub fn passkeys(&self) -> Option<Passkeys> {
        self.kernel.config.passkeys.site().map(|_| Passkeys { kernel: Arc::clone(&self.kernel) })
    }
}

impl Passkeys {
    /// What a browser is given to sign somebody in with whatever passkey they have. Touches no database, and keeps nothing.
    ///
    /// # Errors
    /// [`Error::Internal`]: the random source failed.
    pub fn begin_login(&self) -> Result<PasskeyOptions, Error> {
        to_sign(&self.kernel, Purpose::SignIn, None, &[])
    }

    /// Signs in with what a browser made of these options. That is two factors, and no other is asked for.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for whatever is wrong, after the same work; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn login(&self, login: PasskeyLogin) -> Result<SignIn, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { login::login(&kernel, login).await }).await
    }

    /// What a browser is given to make a passkey for the caller.
    ///
    /// # Errors
    /// [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED), and a mail is sent; [`Error::StepUpRequired`];
    /// [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn begin_registration(&self, caller: &Principal) -> Result<PasskeyOptions, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { register::begin(&kernel, &caller).await }).await
    }

    /// Takes what a browser made of these options: the JSON text of a `PublicKeyCredential`. Without a name it is called as its
    /// provider.
    ///
    /// # Errors
    /// [`Error::Validation`] on `credential`, also when an account has it already, and on `name`;
    /// [`TOO_MANY_PASSKEYS`](crate::factor::TOO_MANY_PASSKEYS); [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED);
    /// [`Error::StepUpRequired`]; [`Error::SessionOver`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn register(
        &self,
        caller: &Principal,
        credential: impl Into<Password>,
        name: Option<String>,
        client: ClientInfo,
    ) -> Result<PasskeyAdded, Error> {
        let (kernel, caller, credential) = (Arc::clone(&self.kernel), caller.clone(), credential.into());
        detached(async move { register::finish(&kernel, &caller, credential.expose(), name, &client).await })
            .await
    }

    /// What a browser is given so that the caller shows with one of their passkeys who they are: for
    /// [`Auth::step_up`] with [`Method::Passkey`](crate::factor::Method::Passkey).
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn begin_step_up(&self, caller: &Principal) -> Result<PasskeyOptions, Error> {
        let user = self.kernel.live_session(caller).await?.user.id;
        let has = list_passkeys(self.kernel.store.db(), user).await?;
        to_sign(&self.kernel, Purpose::StepUp, Some(user), &has)
    }

    /// The caller's passkeys, the oldest first.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn list(&self, caller: &Principal) -> Result<Vec<Passkey>, Error> {
        account::list(&self.kernel, caller).await
    }

    /// Gives one of the caller's passkeys another name.
    ///
    /// # Errors
    /// [`Error::Validation`] on `name`; [`PASSKEY_NOT_FOUND`](crate::factor::PASSKEY_NOT_FOUND); [`Error::SessionOver`];
    /// [`Error::Unavailable`].
    pub async fn rename(
        &self,
        caller: &Principal,
        passkey: Uuid,
        name: impl Into<String>,
    ) -> Result<Passkey, Error> {
        let (kernel, caller, name) = (Arc::clone(&self.kernel), caller.clone(), name.into());
        detached(async move { account::rename(&kernel, &caller, passkey, name).await }).await
    }

    /// Takes one of the caller's passkeys away, and with the last factor the recovery codes.
    ///
    /// # Errors
    /// [`PASSKEY_NOT_FOUND`](crate::factor::PASSKEY_NOT_FOUND); [`LAST_WAY_IN`](crate::refusal::LAST_WAY_IN);
    /// [`FACTOR_REQUIRED`](crate::factor::FACTOR_REQUIRED); [`Error::StepUpRequired`]; [`Error::SessionOver`];
    /// [`Error::Unavailable`].
    pub async fn remove(
        &self,
        caller: &Principal,
        passkey: Uuid,
        client: ClientInfo,
    ) -> Result<PasskeySignal, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { account::remove(&kernel, &caller, passkey, &client).await }).await
    }

    /// The origins that may ask for passkeys of this site though they are no part of it, for `/.well-known/webauthn` there
    /// (WebAuthn Level 3 section 5.11).
    pub fn related_origins(&self) -> Vec<String> {
        let party = party(&self.kernel);
        party.iter().flat_map(RelyingParty::related_origins).map(str::to_owned).collect()
    }
}
