//! The rules that say no, each with its name. A room has more of its own.
//!
//! ```
//! use auth_core::{Error, refusal};
//!
//! fn tell(error: &Error) -> &'static str {
//!     match error {
//!         Error::Refused(refusal::EMAIL_TAKEN) => "You have an account already.",
//!         Error::Refused(refusal) => refusal.text,
//!         _ => "Something went wrong.",
//!     }
//! }
//! assert_eq!(tell(&Error::Refused(refusal::USER_NOT_FOUND)), "There is no such user.");
//! ```

/// What a caller can do about an error. There are no others: an adapter gives each its own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Correct the input.
    Validation,
    /// Ask again for address and password.
    Credentials,
    /// Refresh once, then sign in.
    Token,
    /// Show again who it is, then repeat.
    StepUp,
    /// Ask for something else: there is no such thing.
    NotFound,
    /// Change something else first: what there is stands against it.
    Conflict,
    /// Begin anew: what was asked for is there no more.
    Gone,
    /// Nothing: it is not allowed.
    Forbidden,
    /// Wait: too many attempts failed.
    Throttled,
    /// Wait: there is too much to do.
    Overloaded,
    /// Wait: something that is needed is away.
    Unavailable,
    /// Nothing: another server that is needed answers what it should not.
    BadGateway,
    /// Report it: a bug, or a broken installation.
    Internal,
}

/// A rule that says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What can be done about it.
    pub class: Class,
    /// A stable name, the same that the HTTP contract uses in `code`.
    pub code: &'static str,
    /// What to tell a person, as a sentence in English. Never repeats input.
    pub text: &'static str,
}

impl Refusal {
    pub(crate) const fn new(class: Class, code: &'static str, text: &'static str) -> Self {
        Self { class, code, text }
    }

    /// There is no such thing.
    pub(crate) const fn not_found(text: &'static str) -> Self {
        Self::new(Class::NotFound, "not_found", text)
    }
}

/// Registration of an address that has an account.
pub const EMAIL_TAKEN: Refusal =
    Refusal::new(Class::Conflict, "email_taken", "There is an account with this e-mail address.");
/// Another account has this user name.
pub const USERNAME_TAKEN: Refusal =
    Refusal::new(Class::Conflict, "username_taken", "Somebody else has this user name.");
/// Accounts tell nothing beside their address: [`ProfileConfig::enabled`](crate::ProfileConfig::enabled).
pub const PROFILES_OFF: Refusal = Refusal::not_found("There are no profiles here.");
/// Accounts are made by others: [`Config::registration`](crate::Config::registration).
pub const REGISTRATION_CLOSED: Refusal =
    Refusal::new(Class::Forbidden, "forbidden", "Registration is closed.");
/// A code is wrong, was used already, or is too old.
pub const INVALID_CODE: Refusal =
    Refusal::new(Class::Credentials, "invalid_code", "The code is wrong, or was used already.");
/// Another way in, before the address is proved.
pub const VERIFICATION_NEEDED: Refusal = Refusal::new(
    Class::Forbidden,
    "verification_needed",
    "Prove your e-mail address first: follow the link in the mail, or ask for another one.",
);
/// No such user.
pub const USER_NOT_FOUND: Refusal = Refusal::not_found("There is no such user.");
/// The user has no such session, or it is over.
pub const SESSION_NOT_FOUND: Refusal = Refusal::not_found("There is no such session.");
/// The key ring has no such key.
pub const KEY_NOT_FOUND: Refusal = Refusal::not_found("There is no such key.");
/// The feed has not kept, or never had, what comes after this place.
pub const CURSOR_TOO_OLD: Refusal = Refusal::new(
    Class::Gone,
    "cursor_too_old",
    "Events are missing after this place: read the users anew, then go on from the place that is told without `after`.",
);
/// Nobody else could administer then.
pub const LAST_ADMIN: Refusal = Refusal::new(
    Class::Conflict,
    "last_admin",
    "Somebody has to administer: make another administrator first.",
);
/// Rows of the host's own refer to the user, by a foreign key that does not let them go along.
pub const USER_IN_USE: Refusal = Refusal::new(
    Class::Conflict,
    "user_in_use",
    "Something else still belongs to this account: remove that first.",
);
/// The user could not sign in any more.
pub const LAST_WAY_IN: Refusal = Refusal::new(
    Class::Conflict,
    "last_way_in",
    "Nobody could sign in to the account any more: set a password or link another identity first.",
);
