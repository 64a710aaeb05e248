//! What can go wrong, sorted by what the caller can do about it.

use std::{error::Error as StdError, fmt, time::Duration};

use sea_orm::DbErr;

use crate::{connect::database_cause, random::RandomUnavailable};

/// The error of every operation of [`Auth`](crate::Auth). The manual's [errors page](crate::manual::errors)
/// tells what to do about each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input breaks a rule; each field error says which. Show it to the user.
    #[error("the input is not valid")]
    Validation(Vec<FieldError>),
    /// Registration of an address that has an account.
    #[error("the address is taken")]
    EmailTaken,
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
    /// From a refresh only: the client that held the session has signed out, or signed in anew. Refuse, and leave
    /// its cookie alone: the answer to that request has cleared or replaced it, and this one may arrive later.
    #[error("the session was left")]
    SessionLeft,
    /// No such user.
    #[error("no such user")]
    UserNotFound,
    /// The user has no such session, or it is over.
    #[error("no such session")]
    SessionNotFound,
    /// Nobody else could administer then: make another administrator first.
    #[error("the last administrator has to stay")]
    LastAdmin,
    /// No such identity provider is configured.
    #[error("no such identity provider")]
    ProviderNotFound,
    /// The user has no such identity.
    #[error("no such identity")]
    IdentityNotFound,
    /// The user could not sign in any more: set a password or link another identity first.
    #[error("the last way to sign in has to stay")]
    LastWayIn,
    /// A sign-in at a provider came to nothing.
    #[cfg(feature = "oidc")]
    #[error("the sign-in at the provider failed: {0}")]
    Oidc(crate::oidc::Failure),
    /// The key ring has no such key.
    #[error("no such key")]
    KeyNotFound,
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
    /// ([`Config::revocation_max_age`](crate::Config::revocation_max_age)). Try again later.
    #[error("it is not known whether the session still lives")]
    RevocationsStale,
    /// A bug or a broken installation: log it, tell the client nothing.
    #[error("internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// A stable name, the same that the HTTP contract uses in `code`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Validation(_) => "validation_failed",
            Self::EmailTaken => "email_taken",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidToken | Self::SessionOver | Self::SessionLeft => "invalid_token",
            Self::UserNotFound
            | Self::SessionNotFound
            | Self::KeyNotFound
            | Self::ProviderNotFound
            | Self::IdentityNotFound => "not_found",
            Self::LastAdmin => "last_admin",
            Self::LastWayIn => "last_way_in",
            #[cfg(feature = "oidc")]
            Self::Oidc(failure) => failure.code(),
            Self::Throttled { .. } => "throttled",
            Self::Overloaded { .. } => "overloaded",
            Self::Unavailable(_) | Self::RevocationsStale | Self::NoSigningKey => "unavailable",
            Self::Config(_) | Self::Internal(_) => "internal",
        }
    }

    /// Whether another transaction was faster, so that the same one may be tried again.
    pub(crate) fn is_lost_race(&self) -> bool {
        matches!(self, Self::Unavailable(source) if is_lost_race(source.db_err()))
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

#[cfg(feature = "oidc")]
impl From<crate::oidc::Failure> for Error {
    fn from(failure: crate::oidc::Failure) -> Self {
        Self::Oidc(failure)
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

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// Which setting, by the name of its builder method.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is wrong with it, and what would be right. Never repeats a secret.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

/// An error of the database whose text is safe to log.
///
/// Database errors quote data: a unique violation names the e-mail address in the message on MariaDB and in
/// the detail on PostgreSQL. So `Display` and `Debug` here tell the kind and the database's error code only.
pub struct StoreError(DbErr);

impl StoreError {
    pub(crate) fn new(error: DbErr) -> Self {
        Self(error)
    }

    /// The error as SeaORM gave it. **May carry personal data**: do not log it.
    pub fn db_err(&self) -> &DbErr {
        &self.0
    }

    /// Whether the database could not be reached, had no free connection, or asked to try again.
    fn is_unavailable(&self) -> bool {
        is_unreachable(&self.0)
            || matches!(
                sqlx_error(&self.0),
                Some(sqlx::Error::Database(error)) if database_code(error.as_ref()).is_some_and(|code| is_passing(&code))
            )
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
                format!("{kind} (code {})", database_code(error.as_ref()).as_deref().unwrap_or("unknown"))
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

/// Whether nothing came from the database: no connection, or one that broke.
pub(crate) fn is_unreachable(error: &DbErr) -> bool {
    use sqlx::Error as Sqlx;
    matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_))
        || matches!(
            sqlx_error(error),
            Some(Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed)
        )
}

pub(crate) fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error))
        | DbErr::Query(sea_orm::RuntimeErr::SqlxError(error))
        | DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// The database's own code: SQLite's number, PostgreSQL's SQLSTATE, and for MySQL and MariaDB the number,
/// because their SQLSTATE is the same for a lock timeout and a hundred other errors.
pub(crate) fn database_code(error: &dyn sqlx::error::DatabaseError) -> Option<String> {
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(error.number().to_string());
    }
    error.code().map(std::borrow::Cow::into_owned)
}

/// Whether the database refused a statement because another transaction was faster.
pub(crate) fn is_lost_race(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return false };
    database_code(error.as_ref()).is_some_and(|code| ["40001", "40P01", "1213"].contains(&code.as_str()))
}

/// Whether a statement waited too long for others, or was told to make way.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    // SQLite; PostgreSQL; MySQL and MariaDB. What they mean: below.
    const BUSY: [&str; 13] =
        ["5", "6", "261", "517", "40001", "40P01", "55P03", "57014", "1205", "1213", "1317", "1969", "3024"];
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return false };
    database_code(error.as_ref()).is_some_and(|code| BUSY.contains(&code.as_str()))
}

/// Error codes that say "not now" rather than "never": the statement was sound.
fn is_passing(code: &str) -> bool {
    match code {
        // SQLite: busy, locked, busy snapshot, out of disk, cannot open (primary and extended codes).
        "5" | "6" | "261" | "517" | "13" | "14"
        // PostgreSQL: serialization failure, deadlock, too many connections, shutting down, starting up,
        // read-only (a standby during failover), disk full, out of memory, lock not available, statement
        // cancelled (`statement_timeout`).
        | "40001" | "40P01" | "53300" | "57P01" | "57P02" | "57P03" | "25006" | "53100" | "53200" | "55P03"
        | "57014"
        // MySQL and MariaDB: lock wait, deadlock, too many connections, shutdown, read-only, disk full,
        // statement cancelled, its time over (MariaDB, MySQL).
        | "1205" | "1213" | "1040" | "1053" | "1290" | "1021" | "1114" | "1317" | "1969" | "3024" => true,
        // SQLSTATE class 08 is "connection exception".
        code => code.len() == 5 && code.starts_with("08"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_the_operator_or_a_time_limit_cancelled_may_be_tried_again() {
        for code in ["57014", "1317", "1969", "3024", "1213", "40P01", "08006"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["23503", "22001", "1452", "1406", "42P01", "1146", "787", "08", "1"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
