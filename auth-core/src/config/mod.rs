//! The settings, each with its default; the reasons are in [`manual::defaults`](crate::manual::defaults).

mod api_keys;
mod background;
mod claims;
mod email_code;
mod factors;
mod hashing;
mod hooks;
mod mail;
mod passkeys;
mod passwords;
mod profile;
mod sessions;
mod throttle;
mod tokens;

use std::time::Duration;

pub(crate) use self::api_keys::is_prefix;
pub use self::passkeys::is_public_suffix;
pub(crate) use self::passkeys::{Unfit, host_of, is_within};
pub use self::{
    api_keys::ApiKeyConfig,
    background::BackgroundConfig,
    claims::TokenClaims,
    email_code::{EmailCodeConfig, EmailSignIn},
    factors::{FactorConfig, SecondFactor},
    hashing::HashConfig,
    hooks::{HookConfig, OnHookFailure},
    mail::MailConfig,
    passkeys::PasskeyConfig,
    passwords::PasswordConfig,
    profile::ProfileConfig,
    sessions::SessionConfig,
    throttle::ThrottleConfig,
    tokens::TokenConfig,
};
use crate::ConfigError;

/// The settings of an [`Auth`](crate::Auth), by what they are about. Change what is to differ from the defaults in
/// [`AuthBuilder::configure`](crate::AuthBuilder::configure).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Access tokens, and the keys that sign them.
    pub tokens: TokenConfig,
    /// Sessions and refresh tokens.
    pub sessions: SessionConfig,
    /// What a new password has to be.
    pub passwords: PasswordConfig,
    /// What hashing may take.
    pub hashing: HashConfig,
    /// What mails say, and where their links lead.
    pub mail: MailConfig,
    /// Who may make an account. Default [`Open`](Registration::Open).
    pub registration: Registration,
    /// Whether addresses are to be proved. Default [`Off`](EmailVerification::Off).
    pub email_verification: EmailVerification,
    /// Sign-in by a code that is sent by mail. Default: off.
    pub email_codes: EmailCodeConfig,
    /// How long the rows of the audit are kept. Default `None`: none are written.
    pub audit_retention: Option<Duration>,
    /// How the host's own hooks are asked.
    pub hooks: HookConfig,
    /// Second factors.
    pub factors: FactorConfig,
    /// Keys for machines.
    pub api_keys: ApiKeyConfig,
    /// Passkeys. Default: none, as a site has to be named.
    pub passkeys: PasskeyConfig,
    /// What accounts tell beside their address. Default: nothing.
    pub profile: ProfileConfig,
    /// For how long an account is kept whose address was never proved and to which nobody ever signed in; then the address is free
    /// again. Accounts that were imported, disabled, or made with a version that did not note sign-ins stay. Default `None`: for ever.
    pub unverified_account_ttl: Option<Duration>,
    /// How often the background task does what.
    pub background: BackgroundConfig,
    /// Limits on guessing passwords.
    pub throttle: ThrottleConfig,
    /// Lets everybody guess as fast as passwords can be hashed. For a load test. Default `false`.
    pub insecure_no_throttle: bool,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// Everybody.
    #[default]
    Open,
    /// Nobody for himself: accounts come from an administrator or an import.
    Closed,
}

/// Whether people have to prove that they read mail at their address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailVerification {
    /// No mail is sent at registration, and a registration tells when an address is taken.
    #[default]
    Off,
    /// A registration sends a link, and who asks cannot tell whether the address is taken: its owner gets a mail too.
    On,
    /// The same, and people can sign in only once their address is proved.
    Required,
}

/// Longer than any sensible lifetime, and short enough that no sum of two overflows a stored time.
const TTL_MAX: Duration = Duration::from_hours(10 * 366 * 24);

fn lifetime(name: &'static str, value: Duration) -> Result<(), ConfigError> {
    match value {
        value if value < Duration::from_secs(1) => Err(ConfigError::new(name, "is shorter than one second")),
        value if value > TTL_MAX => Err(ConfigError::new(name, "is longer than ten years")),
        _ => Ok(()),
    }
}

fn filled(name: &'static str, value: &str) -> Result<(), ConfigError> {
    match value.trim() {
        "" => Err(ConfigError::new(name, "is empty; name the service")),
        _ => Ok(()),
    }
}

impl Config {
    /// Errors name a setting as it is written here: `tokens.access_ttl`.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.tokens.validate()?;
        self.sessions.validate()?;
        self.mail.validate()?;
        self.email_codes.validate()?;
        if let Some(retention) = self.audit_retention {
            lifetime("audit_retention", retention)?;
        }
        if let Some(ttl) = self.unverified_account_ttl {
            lifetime("unverified_account_ttl", ttl)?;
        }
        if self.tokens.access_ttl > self.sessions.session_ttl {
            let problem = "is longer than sessions.session_ttl; make it shorter";
            return Err(ConfigError::new("tokens.access_ttl", problem));
        }
        if !self.tokens.claims.is_empty() && !self.profile.enabled {
            return Err(ConfigError::new("tokens.claims", "needs profile.enabled"));
        }
        self.passwords.validate()?;
        self.hooks.validate()?;
        self.factors.validate()?;
        self.api_keys.validate()?;
        self.passkeys.validate()?;
        self.profile.validate()?;
        self.hashing.validate()?;
        self.background.validate()?;
        self.throttle.validate()
    }
}
