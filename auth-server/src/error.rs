//! What stops the program. Each prints as one line that says what to change.

use std::{fmt, io, process::ExitCode};

use auth_core::{ConfigError, ConnectError, database_cause};
use auth_migration::MigrationError;
use sea_orm::{DbErr, RuntimeErr, sqlx::error::DatabaseError};

use crate::config::named_by_libraries;

/// Why the program ends before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A setting cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The database of `DATABASE_URL` is not there.
    #[error("DATABASE_URL: {0}{advice}", advice = connect_advice(.0))]
    Connect(#[source] ConnectError),
    /// The database of `DATABASE_URL` says nothing at all.
    #[error("DATABASE_URL: the database does not answer in time; is it running, and is the address right?")]
    ConnectTimeout,
    /// The SQLite file could not be made.
    #[error("DATABASE_URL: the SQLite file cannot be made: {}; make its directory exist and be writable", .0.kind())]
    SqliteFile(#[source] io::Error),
    /// The schema could not be brought up to date.
    #[error("migration: {0}{code}", code = migration_code(.0))]
    Migrate(#[from] MigrationError),
    /// Nobody can be listened to.
    #[error("{setting}: cannot listen on {address}: {problem}; {advice}", problem = .source.kind(), advice = bind_advice(.setting, .source))]
    Bind {
        /// Which setting said so.
        setting: &'static str,
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The file of the Unix socket could not be made.
    #[error("UNIX_SOCKET: {0}")]
    UnixSocket(String),
    /// The key beside the SQLite file could not be read or made.
    #[error("auth.key: {0}")]
    KeyFile(String),
    /// A new key could not be made or written.
    #[error("keys generate: {0}")]
    GenerateKey(String),
    /// The key ring could not be changed.
    #[error("key ring: {0}")]
    KeyRing(String),
    /// The command line cannot be followed.
    #[error("{0}")]
    Usage(String),
    /// An account, of a person or of a program, could not be looked at or changed.
    #[error("{0}")]
    Account(String),
    /// The server that was asked is not ready.
    #[error("health: {0}")]
    Health(String),
    /// There is no table to look into.
    #[error("the database is not up to date: run `auth-server migrate`")]
    Pending,
    /// The operating system refused something that always works.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// What went wrong with the key ring.
    pub(crate) fn of_ring(error: &auth_core::Error) -> Self {
        match error {
            auth_core::Error::Config(error) => {
                let error = SettingError::from_core(error);
                Self::Setting(error.with("; see SECRET_KEY_PREVIOUS and `auth-server keys revoke`"))
            }
            auth_core::Error::Validation(broken) => {
                let rules: Vec<_> = broken.iter().map(|rule| rule.detail.as_str()).collect();
                Self::KeyRing(rules.join("; "))
            }
            other => Self::KeyRing(other.with_cause()),
        }
    }

    /// What went wrong with an account.
    pub(crate) fn of_account(error: &auth_core::Error) -> Self {
        match error {
            auth_core::Error::Config(error) => Self::Setting(SettingError::from_core(error)),
            auth_core::Error::Validation(broken) => {
                let rules: Vec<_> = broken.iter().map(|rule| rule.detail.as_str()).collect();
                Self::Account(rules.join("; "))
            }
            auth_core::Error::Refused(auth_core::refusal::USER_NOT_FOUND) => {
                Self::Account("there is no such user; `auth-server users list` shows them".to_owned())
            }
            auth_core::Error::Refused(auth_core::refusal::LAST_ADMIN) => Self::Account(
                "the last administrator has to stay; make another first: `auth-server users set-role USER admin`"
                    .to_owned(),
            ),
            other => Self::Account(other.with_cause()),
        }
    }

    /// Told under the name of a command, where it is about accounts.
    pub(crate) fn under(self, command: &str) -> Self {
        match self {
            Self::Account(problem) => Self::Account(format!("{command}: {problem}")),
            other => other,
        }
    }

    /// 2 when a setting is to be changed, like a wrong flag; 1 when the world around is not as it should be.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Setting(_) | Self::Usage(_) | Self::Connect(ConnectError::Url(_)) => ExitCode::from(2),
            _ => ExitCode::from(1),
        }
    }
}

/// The database's code for what it refused; its text may quote rows.
fn migration_code(error: &MigrationError) -> String {
    let MigrationError::Database(
        cause @ (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))),
    ) = error
    else {
        return String::new();
    };
    match error.as_database_error().and_then(DatabaseError::code).as_deref() {
        None => String::new(),
        // "insufficient privilege" of PostgreSQL, "command denied" of MySQL and MariaDB.
        Some("42501" | "42000") => {
            " (the user of DATABASE_URL may not change the schema: grant it, or run `auth-server migrate` as one who may)"
                .to_owned()
        }
        Some(code) => {
            let cause = database_cause(cause).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!(" (the database's code is {code}{cause})")
        }
    }
}

/// Where the cause is not known.
fn connect_advice(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Database(error) if database_cause(error.db_err()).is_none() => {
            "; is the database running, and are address, user and password right?"
        }
        _ => "",
    }
}

/// In the words of the settings that it is about.
fn bind_advice(setting: &str, error: &io::Error) -> String {
    let (host, port) = match setting {
        "HOST, PORT" => ("HOST to an address", "PORT"),
        _ => ("an address", "port there"),
    };
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("another program has it: stop that one or set another {port}"),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need a privilege: set another {port}")
        }
        _ => format!("set {host} of this machine"),
    }
}

/// A setting that cannot be used. Never repeats the value: it may be a secret that got into the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingError {
    name: String,
    origin: Option<String>,
    problem: String,
}

impl SettingError {
    /// `problem` continues the sentence that begins with the name of the setting, and says what would be right.
    pub(crate) fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), origin: None, problem: problem.into() }
    }

    /// Which setting.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Tells also where the value was found.
    pub(crate) fn from(mut self, origin: impl fmt::Display) -> Self {
        self.origin = Some(origin.to_string());
        self
    }

    /// With more advice.
    fn with(mut self, advice: &str) -> Self {
        self.problem.push_str(advice);
        self
    }

    /// The libraries know settings by the names that a host writes.
    pub(crate) fn from_core(error: &ConfigError) -> Self {
        Self::of_library(error.setting(), error.problem())
    }

    pub(crate) fn of_library(setting: &str, problem: &str) -> Self {
        let name = match setting {
            // Those of providers are in no table.
            "oidc provider" => "OAUTH: provider",
            "oidc root_certificate" => "OAUTH: _CA_FILE",
            other => named_by_libraries(other),
        };
        Self::new(name, problem)
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, " {}", self.problem)
    }
}

impl std::error::Error for SettingError {}
