//! Second factors: codes of an authenticator app (TOTP, RFC 6238), passkeys (WebAuthn Level 3) and recovery codes.
//!
//! A sign-in of somebody who has one comes to [`SignIn::Challenge`](crate::SignIn::Challenge) whatever the way in, and
//! [`Factors::answer`] takes the code. The manual's page on [second factors](crate::manual::second_factor) has the rules.
//!
//! ```no_run
//! # async fn run(auth: auth_core::Auth) -> Result<(), Box<dyn std::error::Error>> {
//! use auth_core::{Login, SignIn, factor::{Answer, Method}};
//!
//! let factors = auth.factors().ok_or("second factors are off")?;
//! let tokens = match auth.login(Login::new("ada@example.com", "correct horse battery")).await? {
//!     SignIn::Granted(tokens) => tokens,
//!     SignIn::Challenge(challenge) => {
//!         // Ask for a code, by one of `challenge.methods`.
//!         let answer = Answer::new(challenge.auth_session, Method::Totp, "123456");
//!         factors.answer(answer).await?.tokens
//!     }
//!     _ => return Err("this needs a newer version".into()),
//! };
//! # Ok(())
//! # }
//! ```

mod account;
mod admin;
mod answer;
mod challenge;
mod check;
mod device;
mod enrol;
mod entity;
mod guess;
mod moving;
mod passkey;
mod proof;
mod recovery;
mod step_up;
mod store;
mod totp;

use std::{fmt, sync::Arc};

use uuid::Uuid;

pub use crate::refusal::INVALID_CODE;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use self::passkey::fuzzing;
pub use self::{
    account::{FactorAdded, FactorList},
    answer::{Answer, Answered},
    device::RememberedDevice,
    passkey::{
        PASSKEY_NOT_FOUND, Passkey, PasskeyAdded, PasskeyLogin, PasskeySignal, Passkeys, TOO_MANY_PASSKEYS,
    },
    step_up::{StepUp, SteppedUp},
    totp::TotpSetup,
};
use crate::{
    Auth, AuthSession, Challenge, Class, ClientInfo, Error, PasskeyOptions, Password, Principal, Refusal,
    SecondFactor, UserId,
    kernel::{Kernel, Room, Sweep},
    refusal::USER_NOT_FOUND,
    store::{ColumnKind, Exported, Table, find_user},
    task::detached,
};

pub(crate) const ROOM: Room = Room {
    tables: &[
        Table::of::<entity::challenge::Entity>("auth_challenge"),
        Table::of::<entity::totp::Entity>("auth_totp"),
        Table::of::<entity::recovery_code::Entity>("auth_recovery_code"),
        Table::of::<entity::failure::Entity>("auth_factor_failure"),
        passkey::TABLES[0],
        passkey::TABLES[1],
        Table::of::<entity::device::Entity>("auth_device"),
    ],
    sealers: &[totp::SECRETS],
    sweep: &[
        Sweep {
            table: "auth_challenge",
            id: "id",
            at: "expires_at",
            kept: |_| Some(std::time::Duration::ZERO),
        },
        Sweep {
            table: "auth_totp",
            id: "user_id",
            at: "pending_until",
            kept: |_| Some(std::time::Duration::ZERO),
        },
        Sweep { table: "auth_factor_failure", id: "id", at: "at", kept: |_| Some(guess::COUNTS_FOR) },
        passkey::SWEEP,
        Sweep {
            table: "auth_device",
            id: "id",
            at: "created_at",
            kept: |config| Some(config.factors.remember_device),
        },
    ],
    export: &[
        exported("authenticator_apps", "auth_totp", &[("created_at", ColumnKind::Time)]),
        exported("recovery_codes", "auth_recovery_code", &[("created_at", ColumnKind::Time)]),
        exported(
            "wrong_codes",
            "auth_factor_failure",
            &[("at", ColumnKind::Time), ("network", ColumnKind::Text)],
        ),
        passkey::EXPORTED,
        exported(
            "remembered_devices",
            "auth_device",
            &[
                ("name", ColumnKind::Text),
                ("created_at", ColumnKind::Time),
                ("last_used_at", ColumnKind::Time),
            ],
        ),
    ],
    ways_in: Some(passkey::WAYS_IN),
    // Whoever takes an account over does not want to be asked for the codes of who had it.
    goes_along: &[
        ("auth_totp", "user_id", SECOND_FACTOR),
        ("auth_recovery_code", "user_id", SECOND_FACTOR),
        ("auth_factor_failure", "user_id", SECOND_FACTOR),
        ("auth_device", "user_id", SECOND_FACTOR),
    ],
    spares: &[("auth_device", "user_id")],
    moves: Some(moving::MOVES),
    gate: Some(challenge::GATE),
    findings: Some(|kernel| {
        Box::pin(async move {
            let mut found = check::check(kernel).await?;
            found.extend(passkey::check(kernel).await?);
            Ok(found)
        })
    }),
    ..Room::EMPTY
};

const fn exported(
    member: &'static str,
    table: &'static str,
    columns: &'static [(&'static str, ColumnKind)],
) -> Exported {
    Exported { member, table, user: "user_id", columns }
}

/// In a mail to who has proved the address.
const SECOND_FACTOR: &str = "the second factor";

/// The name of an authenticator app among factors.
const TOTP: &str = "totp";

/// So many wrong codes were given that none is taken until a passkey or an administrator opens it.
pub const FACTOR_LOCKED: Refusal = Refusal::new(
    Class::Forbidden,
    "factor_locked",
    "Too many wrong codes were given, and none is taken any more. A passkey opens it, or an administrator.",
);
/// There is an authenticator app already; or, where a factor is set up on the way in, another was meanwhile.
pub const TOTP_EXISTS: Refusal = Refusal::new(
    Class::Conflict,
    "totp_exists",
    "A second factor was set up already: sign in with it, or remove it first.",
);
/// A policy wants a second factor, and this is the last.
pub const FACTOR_REQUIRED: Refusal =
    Refusal::new(Class::Conflict, "factor_required", "The account has to have a second factor.");
/// There is no second factor.
pub const FACTOR_NOT_FOUND: Refusal = Refusal::not_found("There is no second factor.");
/// No such device is remembered.
pub const DEVICE_NOT_FOUND: Refusal = Refusal::not_found("There is no such device.");
/// A policy wants a second factor, and none is set up: that begins with a new sign-in.
pub const SECOND_FACTOR_ENROLMENT_REQUIRED: Refusal = Refusal::new(
    Class::Forbidden,
    "second_factor_enrolment_required",
    "A second factor has to be set up: sign in again.",
);
/// An administrator's own factors are taken away by another one.
pub const OWN_FACTORS: Refusal =
    Refusal::new(Class::Forbidden, "forbidden", "Your own factors have to be reset by somebody else.");

/// By what a second factor is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A code of an authenticator app.
    Totp,
    /// One of the codes that were written down.
    RecoveryCode,
    /// A passkey: what is given is the JSON text of a `PublicKeyCredential`.
    Passkey,
}

impl Method {
    /// As it stands in a challenge.
    pub fn name(self) -> &'static str {
        match self {
            Self::Totp => TOTP,
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => passkey::PASSKEY,
        }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Totp, Self::RecoveryCode, Self::Passkey].into_iter().find(|method| method.name() == name)
    }
}

/// Second factors, from [`Auth::factors`]. Cheap to clone.
#[derive(Clone)]
pub struct Factors {
    kernel: Arc<Kernel>,
}

impl fmt::Debug for Factors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factors").finish_non_exhaustive()
    }
}

/// Second factors, and proof that is asked for again.
impl Auth {
    /// Second factors, unless they are [`Off`](SecondFactor::Off).
    pub fn factors(&self) -> Option<Factors> {
        let is_on = self.kernel.config.factors.policy != SecondFactor::Off;
        is_on.then(|| Factors { kernel: Arc::clone(&self.kernel) })
    }

    /// Whoever is signed in shows again who they are, for what asks for recent proof. An account with a second factor does it by
    /// that, any other by its password.
    ///
    /// # Errors
    /// [`Error::Validation`] on `password`, `code` or `credential`, each of which is counted, or on `method` when the account has not what it takes;
    /// [`FACTOR_LOCKED`](crate::factor::FACTOR_LOCKED);
    /// [`SECOND_FACTOR_ENROLMENT_REQUIRED`](crate::factor::SECOND_FACTOR_ENROLMENT_REQUIRED); [`Error::SessionOver`];
    /// [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn step_up(
        &self,
        caller: &Principal,
        by: StepUp,
        client: ClientInfo,
    ) -> Result<SteppedUp, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { step_up::step_up(&kernel, &caller, by, &client).await }).await
    }

    /// Refuses a caller who has not lately shown who they are by the most that their account has: for an operation of the host's
    /// own that asks for it. Two statements.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`], [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn require_recent_proof(&self, caller: &Principal) -> Result<(), Error> {
        self.kernel.recent_proof(caller).await.map(drop)
    }

    /// Takes every second factor away from somebody who has lost them, ends all sessions, and tells the owner by mail. Check that
    /// whoever asks may; as [`ClientInfo::actor`] nobody can for themselves. Also where second factors are off.
    ///
    /// # Errors
    /// [`OWN_FACTORS`](crate::factor::OWN_FACTORS); [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND); [`Error::Unavailable`].
    pub async fn reset_factors(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { admin::reset(&kernel, user, &client).await }).await
    }

    /// Forgets the wrong codes of an account, so that codes are taken again. For an operator who is asked for help.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn unlock_factors(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { admin::unlock(&kernel, user, &client).await }).await
    }
}

impl Factors {
    /// Takes the answer to a challenge. Of two who give the same code, or answer the same challenge, one gets in.
    ///
    /// # Errors
    /// [`INVALID_CODE`](crate::factor::INVALID_CODE), after which the challenge lives on; [`Error::InvalidToken`] when there is no
    /// such challenge any more; [`FACTOR_LOCKED`](crate::factor::FACTOR_LOCKED), after which a passkey still is taken;
    /// [`TOTP_EXISTS`](crate::factor::TOTP_EXISTS) when a factor was set up elsewhere meanwhile; [`Error::Throttled`];
    /// [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn answer(&self, answer: Answer) -> Result<Answered, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { answer::answer(&kernel, answer).await }).await
    }

    /// What a challenge asks for, told once more and with new options for a passkey: for a page to which somebody was sent with
    /// nothing but the token of it. It goes on as before.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when there is no such challenge any more; [`TOTP_EXISTS`](crate::factor::TOTP_EXISTS) when a factor
    /// was to be set up and one was, elsewhere; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn challenge(&self, auth_session: AuthSession, client: ClientInfo) -> Result<Challenge, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { answer::ask_again(&kernel, &auth_session, &client).await }).await
    }

    /// Begins to set up an authenticator app for a challenge that asks for one; [`answer`](Self::answer) takes its first code.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for any other challenge; [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED), and a mail is
    /// sent; [`TOTP_EXISTS`](crate::factor::TOTP_EXISTS); [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn enrol(&self, auth_session: AuthSession, client: ClientInfo) -> Result<TotpSetup, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { answer::begin_enrolment(&kernel, &auth_session, &client).await }).await
    }

    /// Begins to make a passkey for a challenge that asks for a factor: what a browser is given. [`answer`](Self::answer) takes what
    /// it makes, with [`Method::Passkey`].
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for any other challenge, and where there are [no passkeys](Auth::passkeys);
    /// [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED), and a mail is sent; [`Error::Throttled`];
    /// [`Error::Unavailable`].
    pub async fn enrol_passkey(
        &self,
        auth_session: AuthSession,
        client: ClientInfo,
    ) -> Result<PasskeyOptions, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { answer::begin_passkey(&kernel, &auth_session, &client).await }).await
    }

    /// What the caller has.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn list(&self, caller: &Principal) -> Result<FactorList, Error> {
        account::list(&self.kernel, caller).await
    }

    /// What somebody else has. Check that the caller may know.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND), [`Error::Unavailable`].
    pub async fn list_of(&self, user: UserId) -> Result<FactorList, Error> {
        let found = find_user(self.kernel.store.db(), user).await?;
        account::list_of(&self.kernel, &found.ok_or(Error::Refused(USER_NOT_FOUND))?).await
    }

    /// Draws a secret for the caller's authenticator app. It stands once a code is [confirmed](Self::confirm_totp), within an hour.
    ///
    /// # Errors
    /// [`TOTP_EXISTS`](crate::factor::TOTP_EXISTS); [`VERIFICATION_NEEDED`](crate::refusal::VERIFICATION_NEEDED), and a mail is sent;
    /// [`Error::StepUpRequired`]; [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn begin_totp(&self, caller: &Principal) -> Result<TotpSetup, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move {
            let user = kernel.recent_proof(&caller).await?;
            totp::begin(&kernel, &user).await
        })
        .await
    }

    /// From the first right code on the factor stands, and is asked for at each sign-in. Other sessions go on.
    ///
    /// # Errors
    /// [`Error::Validation`] on `code`; [`FACTOR_LOCKED`](crate::factor::FACTOR_LOCKED); [`Error::StepUpRequired`] when the session
    /// has shown less than the account has by now; [`Error::SessionOver`]; [`Error::Throttled`]; [`Error::Overloaded`];
    /// [`Error::Unavailable`].
    pub async fn confirm_totp(
        &self,
        caller: &Principal,
        code: impl Into<Password>,
        client: ClientInfo,
    ) -> Result<FactorAdded, Error> {
        let (kernel, caller, code) = (Arc::clone(&self.kernel), caller.clone(), code.into());
        detached(async move { account::confirm_totp(&kernel, &caller, &code, &client).await }).await
    }

    /// Takes the authenticator app away, and with the last factor the recovery codes.
    ///
    /// # Errors
    /// [`FACTOR_NOT_FOUND`](crate::factor::FACTOR_NOT_FOUND); [`FACTOR_REQUIRED`](crate::factor::FACTOR_REQUIRED);
    /// [`Error::StepUpRequired`]; [`Error::SessionOver`]; [`Error::Unavailable`].
    pub async fn remove_totp(&self, caller: &Principal, client: ClientInfo) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { account::remove(&kernel, &caller, &client).await }).await
    }

    /// Makes ten new recovery codes, to be shown once; the old are dead.
    ///
    /// # Errors
    /// [`FACTOR_NOT_FOUND`](crate::factor::FACTOR_NOT_FOUND); [`Error::StepUpRequired`]; [`Error::SessionOver`];
    /// [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn new_recovery_codes(
        &self,
        caller: &Principal,
        client: ClientInfo,
    ) -> Result<Vec<Password>, Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { account::new_recovery_codes(&kernel, &caller, &client).await }).await
    }

    /// The caller's devices on which no second factor is asked for, the last used first; which of them the request came from is
    /// told by its [`device`](ClientInfo::device).
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn devices(
        &self,
        caller: &Principal,
        client: &ClientInfo,
    ) -> Result<Vec<RememberedDevice>, Error> {
        device::list(&self.kernel, caller, client).await
    }

    /// Forgets one of the caller's devices: a second factor is asked for there at the next sign-in, and at the next refresh of the
    /// sessions that were let in without.
    ///
    /// # Errors
    /// [`DEVICE_NOT_FOUND`](crate::factor::DEVICE_NOT_FOUND), [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn forget_device(
        &self,
        caller: &Principal,
        device: Uuid,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { device::forget(&kernel, &caller, Some(device), &client).await }).await
    }

    /// Forgets all of the caller's devices.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn forget_devices(&self, caller: &Principal, client: ClientInfo) -> Result<(), Error> {
        let (kernel, caller) = (Arc::clone(&self.kernel), caller.clone());
        detached(async move { device::forget(&kernel, &caller, None, &client).await }).await
    }
}

/// What an authenticator app with this secret shows at this moment, for a test.
#[cfg(feature = "test-util")]
pub(crate) fn code_of(secret: &str, now: i64) -> String {
    totp::from_base32(secret).map(|secret| totp::code_at(&secret, now)).unwrap_or_default()
}
