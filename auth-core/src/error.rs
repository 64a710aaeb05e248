//! What can go wrong, sorted by what the caller can do about it.

use std::{error::Error as StdError, fmt, time::Duration};

/// The error of `SeaORM`, in the version that this crate is built on.
pub use sea_orm::DbErr;

use crate::{
    Assurance, Challenge, Class, ConfigError, Denial, Refusal,
    database_cause::database_cause,
    db_code::{self, Meaning, sqlx_error},
    random::RandomUnavailable,
    read_only,
};

/// The error of every operation of [`Auth`](crate::Auth). The manual's [errors page](crate::manual::errors)
/// tells what to do about each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input breaks a rule; each field error says which. Show it to the user.
    #[error("the input is not valid")]
    Validation(Vec<FieldError>),
    /// Unknown user, wrong password or disabled account: which one is not told.
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    /// The token is malformed, has a bad signature, is expired or was made for something else. A client
    /// may hold a better one: do not take its cookie away.
    #[error("the token is not valid")]
    InvalidToken,
    /// The token is genuine, but its session is over: expired, revoked, or the user is disabled or gone. Drop the
    /// token and sign in again.
    #[error("the session is over")]
    SessionOver,
    /// Somebody has to be signed in for this; a machine is known by a key, or by a token that it got for one. The key stays good.
    #[error("a session is needed; a key is not taken here")]
    SessionRequired,
    /// From a refresh only: the client that held the session has signed out, or signed in anew. Refuse, and leave
    /// its cookie alone: the answer to that request has cleared or replaced it, and this one may arrive later.
    #[error("the session was left")]
    SessionLeft,
    /// From a refresh only: a policy asks for a second factor, and the session has shown none. The session goes on when the
    /// challenge is answered with its refresh token, which stays good.
    #[error("a second factor is needed")]
    SecondFactorRequired(Box<Challenge>),
    /// Whoever is signed in has to show again who they are, with [`Auth::step_up`](crate::Auth::step_up) or a new sign-in: it
    /// is too long ago, or was by less than the account has.
    #[error("who is signed in has to show again who they are")]
    StepUpRequired {
        /// What is needed.
        level: Assurance,
        /// How long ago it may be.
        max_age: Duration,
    },
    /// A rule says no. The [`refusal`](crate::refusal) tells which; its [class](Refusal::class) tells what can be done about it.
    #[error("{}", .0.text)]
    Refused(Refusal),
    /// The host's own [`Hooks`](crate::Hooks) say no, with a code and a text of theirs.
    #[error("refused by the host: {}", .0.code)]
    Denied(Box<Denial>),
    /// The settings do not go with what is stored: a key of the key ring is encrypted under another secret.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Too many failures before this, of the account or of the client's network; the password was not looked at. The
    /// manual's page on [throttling](crate::manual::throttling) tells what is counted.
    #[error("too many attempts")]
    Throttled {
        /// When to try again. Another failure may have come before by then.
        retry_after: Duration,
    },
    /// The queue for password hashing is full, or the wait in it too long. Try again later.
    #[error("too many password checks are waiting")]
    Overloaded {
        /// A sensible time to wait before the next try.
        retry_after: Duration,
    },
    /// The database cannot be reached or is out of connections. Nothing was changed, or the change is
    /// whole; try again later.
    #[error("the database is not available")]
    Unavailable(#[source] StoreError),
    /// The key ring has no key that signs at this moment: all were revoked and the next one is being made, or
    /// [`Auth::poll_keys`](crate::Auth::poll_keys) was not called before the first sign-in. Try again later.
    #[error("the key ring has no key that signs; call Auth::poll_keys once before the first sign-in")]
    NoSigningKey,
    /// What has ended elsewhere has not been asked for lately enough to tell whether this token is still good
    /// ([`TokenConfig::revocation_max_age`](crate::TokenConfig::revocation_max_age)). Try again later.
    #[error("it is not known whether the session still lives")]
    RevocationsStale,
    /// The host's own [`Hooks`](crate::Hooks) did not answer ([`HookConfig`](crate::HookConfig)). Nothing was changed; try again later.
    #[error("the host's own hook did not answer")]
    HookUnavailable,
    /// A bug or a broken installation: log it, tell the client nothing.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// What the caller can do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Validation(_) => Class::Validation,
            Self::InvalidCredentials => Class::Credentials,
            Self::InvalidToken | Self::SessionOver | Self::SessionLeft => Class::Token,
            Self::SecondFactorRequired(_) | Self::Denied(_) | Self::SessionRequired => Class::Forbidden,
            Self::StepUpRequired { .. } => Class::StepUp,
            Self::Refused(refusal) => refusal.class,
            Self::Throttled { .. } => Class::Throttled,
            Self::Overloaded { .. } => Class::Overloaded,
            Self::Unavailable(_) | Self::RevocationsStale | Self::NoSigningKey | Self::HookUnavailable => {
                Class::Unavailable
            }
            Self::Config(_) | Self::Internal(_) => Class::Internal,
        }
    }

    /// A stable name, the same that the HTTP contract uses in `code`. Of a [denial](Self::Denied) it is `denied`; the contract has the
    /// host's own there.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Validation(_) => "validation_failed",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidToken | Self::SessionOver | Self::SessionLeft => "invalid_token",
            Self::SecondFactorRequired(_) => "second_factor_required",
            Self::SessionRequired => "session_required",
            Self::StepUpRequired { .. } => "insufficient_user_authentication",
            Self::Refused(refusal) => refusal.code,
            Self::Throttled { .. } => "throttled",
            Self::Overloaded { .. } => "overloaded",
            Self::Denied(_) => Denial::CODE,
            Self::Unavailable(_) | Self::RevocationsStale | Self::NoSigningKey | Self::HookUnavailable => {
                "unavailable"
            }
            Self::Config(_) | Self::Internal(_) => "internal",
        }
    }

    /// Whether another transaction was faster, so that the same one may be tried again.
    pub(crate) fn is_lost_race(&self) -> bool {
        matches!(self, Self::Unavailable(source) if is_lost_race(source.db_err()))
    }

    /// Of a deletion: the error of the store, if rows that refer to the row keep it.
    pub(crate) fn referred_to(&self) -> Option<&DbErr> {
        let Self::Internal(source) = self else { return None };
        let source = source.downcast_ref::<StoreError>()?.db_err();
        db_code::is_referred_to(source).then_some(source)
    }

    pub(crate) fn internal(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(source))
    }
}

impl From<DbErr> for Error {
    fn from(source: DbErr) -> Self {
        let source = StoreError::new(source);
        if source.is_unavailable() { Self::Unavailable(source) } else { Self::internal(source) }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RandomUnavailable> for Error {
    fn from(source: RandomUnavailable) -> Self {
        Self::internal(source)
    }
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// Which field of the input: `email`, `password`, ...
    pub field: &'static str,
    /// A stable name of the rule, for translation.
    pub code: &'static str,
    /// The rule in English. Never repeats the input.
    pub detail: String,
}

impl FieldError {
    /// An error of a host's or adapter's own rule.
    pub fn new(field: &'static str, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field, code, detail: detail.into() }
    }
}

/// An error of the database whose text is safe to log.
///
/// Database errors quote data: a unique violation names the e-mail address in the message on MariaDB and in
/// the detail on PostgreSQL. So `Display` and `Debug` here tell the kind and the database's error code only.
pub struct StoreError(DbErr);

impl StoreError {
    pub(crate) fn new(error: DbErr) -> Self {
        read_only::notice(&error);
        Self(error)
    }

    /// The error as SeaORM gave it. **May carry personal data**: do not log it.
    pub fn db_err(&self) -> &DbErr {
        &self.0
    }

    /// Whether the database could not be reached, had no free connection, or asked to try again.
    fn is_unavailable(&self) -> bool {
        is_unreachable(&self.0) || meaning(&self.0).is_some()
    }

    fn describe(&self) -> String {
        let kind = match &self.0 {
            DbErr::ConnectionAcquire(_) => "no connection from the pool",
            DbErr::Conn(_) => "connection failed",
            DbErr::Exec(_) | DbErr::Query(_) => "statement failed",
            DbErr::RecordNotUpdated | DbErr::RecordNotFound(_) => "row not found",
            _ => "storage error",
        };
        let told = match sqlx_error(&self.0) {
            Some(sqlx::Error::Database(error)) => {
                format!("{kind} (code {})", db_code::code(error.as_ref()).as_deref().unwrap_or("unknown"))
            }
            Some(sqlx::Error::Io(error)) => format!("{kind} ({})", error.kind()),
            Some(sqlx::Error::PoolTimedOut) => format!("{kind} (pool timed out)"),
            Some(sqlx::Error::PoolClosed) => format!("{kind} (pool closed)"),
            _ => kind.to_owned(),
        };
        match database_cause(&self.0) {
            Some(cause) => format!("{told}: {cause}"),
            None => told,
        }
    }
}

impl Error {
    /// With what caused it, which its own text leaves out: for the log, or who runs the service. Never carries personal data.
    pub fn with_cause(&self) -> String {
        match StdError::source(self) {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }

    /// Whether the database does not answer at all: whoever goes from row to row does not go on.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unavailable(why) if is_unreachable(&why.0))
    }
}

/// Whether nothing came from the database: no connection, or one that broke.
pub(crate) fn is_unreachable(error: &DbErr) -> bool {
    use sqlx::Error as Sqlx;
    matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_))
        || matches!(
            sqlx_error(error),
            Some(Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed)
        )
}

/// What the database says about a statement that it has refused.
fn meaning(error: &DbErr) -> Option<Meaning> {
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return None };
    db_code::meaning(error.as_ref())
}

/// Whether the database refused a statement because another transaction was faster.
pub(crate) fn is_lost_race(error: &DbErr) -> bool {
    meaning(error) == Some(Meaning::LostRace)
}

/// Whether a statement waited too long for others, or was told to make way.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    matches!(meaning(error), Some(Meaning::LostRace | Meaning::Busy))
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreError({})", self.describe())
    }
}

impl StdError for StoreError {}
