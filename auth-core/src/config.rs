//! The settings, each with its default; the reasons are in [`manual::defaults`](crate::manual::defaults).

use std::time::Duration;

use crate::{ConfigError, ThrottleConfig};

/// The settings of an [`Auth`](crate::Auth). Start from [`Config::default`] or use the builder's methods of
/// the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Claim `iss` of access tokens. Default `auth`.
    pub issuer: String,
    /// Claim `aud` of access tokens: give services that must not accept each other's tokens different ones
    /// (ASVS 9.2.4). Default `auth`.
    pub audience: String,
    /// Lifetime of an access token, and so the delay of a stateless check after a revocation. Default 15 min.
    pub access_ttl: Duration,
    /// Idle lifetime: a session not refreshed for so long is over. Default 7 days.
    pub refresh_ttl: Duration,
    /// Absolute lifetime of a session; no refresh extends it (RFC 10017, NIST SP 800-63B). Default 30 days.
    pub session_ttl: Duration,
    /// For how long after a rotation the same refresh token is answered with the same successor. Default
    /// 10 s; zero is the strict rule: every use rotates, every replay revokes.
    pub refresh_grace: Duration,
    /// How long a new key of the key ring is published before it signs. Others may keep the JWK set for
    /// [`jwks_max_age`](Self::jwks_max_age), five sixths of it; the last sixth is for instances to learn of the key and
    /// for clocks that differ. Default 6 min.
    pub key_publish_ahead: Duration,
    /// A bounded check ([`TokenVerifier::bounded`](crate::TokenVerifier::bounded)) answers
    /// [`Error::RevocationsStale`](crate::Error) when no poll has succeeded for so long. Default `None`: it goes on
    /// with what it knows, so that a database that is away stops nobody for as long as access tokens live.
    pub revocation_max_age: Option<Duration>,
    /// The most live sessions of a user; a sign-in beyond it ends the oldest. Default 100.
    pub max_sessions: u64,
    /// Least length of a new password in Unicode code points. Default 8; 15 where the password is the only
    /// factor and NIST SP 800-63B-4 applies.
    pub password_min_length: usize,
    /// Words that may not be all of a new password, alone, repeated or with digits around: the names of the service and of
    /// who runs it; the manual's page on [passwords](crate::manual::passwords) has the exact rule. Default: none. What is
    /// before the `@` of the own address is always one.
    pub password_context_words: Vec<String>,
    /// Refuses new passwords while the breach list cannot be read
    /// ([`AuthBuilder::breach_checker`](crate::AuthBuilder::breach_checker)). Default `false`: they are taken, and a warning
    /// is logged.
    pub breach_check_required: bool,
    /// How many passwords are hashed at once; each takes 19 MiB with the default hasher, and a thread. Default: one
    /// per core that this process may use (affinity and CPU quota of a container count).
    pub hash_slots: usize,
    /// How many hashes may wait for a slot, over all; beyond that [`Error::Overloaded`](crate::Error) at
    /// once, for a network that has its share of the queue. At most 1,000,000. Default: 64 per slot.
    pub hash_queue: usize,
    /// How long a hash may wait for a slot before [`Error::Overloaded`](crate::Error). Default 2 s.
    pub hash_wait: Duration,
    /// What mails call this service. Default: the same as `issuer`'s default, `auth`.
    pub service_name: String,
    /// Whether people make accounts by themselves. Default [`Open`](Registration::Open).
    pub registration: Registration,
    /// Whether addresses are to be proved. Default [`Off`](EmailVerification::Off).
    pub email_verification: EmailVerification,
    /// The page that a link to prove an address leads to; the token is added as the fragment `#token=`, and the page
    /// sends it to [`Auth::verify_email`](crate::Auth::verify_email). Default `http://127.0.0.1:8000/verify-email`.
    pub verify_email_url: String,
    /// The page that a link to choose a new password leads to, in the same way. Default
    /// `http://127.0.0.1:8000/reset-password`.
    pub reset_password_url: String,
    /// How long a link to prove an address works. Default a day.
    pub verify_email_ttl: Duration,
    /// How long a link to choose a new password works. Default an hour.
    pub reset_password_ttl: Duration,
    /// How long the rows of the audit are kept. Default `None`: none are written.
    pub audit_retention: Option<Duration>,
    /// How often may be guessed.
    pub throttle: ThrottleConfig,
    /// Lets everybody guess as fast as passwords can be hashed. For a load test. Default `false`.
    pub insecure_no_throttle: bool,
}

/// Whether people make accounts by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// Everybody may.
    #[default]
    Open,
    /// Nobody: accounts come from an administrator, the command line or an import, and a provider only joins one that is
    /// there.
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
    /// And nobody signs in before the address is proved.
    Required,
}

impl Default for Config {
    fn default() -> Self {
        let slots = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            issuer: "auth".to_owned(),
            audience: "auth".to_owned(),
            access_ttl: Duration::from_mins(15),
            refresh_ttl: Duration::from_hours(7 * 24),
            session_ttl: Duration::from_hours(30 * 24),
            refresh_grace: Duration::from_secs(10),
            key_publish_ahead: Duration::from_mins(6),
            revocation_max_age: None,
            max_sessions: 100,
            password_min_length: 8,
            password_context_words: Vec::new(),
            breach_check_required: false,
            hash_slots: slots,
            hash_queue: slots.saturating_mul(64),
            hash_wait: Duration::from_secs(2),
            service_name: "auth".to_owned(),
            registration: Registration::Open,
            email_verification: EmailVerification::Off,
            verify_email_url: "http://127.0.0.1:8000/verify-email".to_owned(),
            reset_password_url: "http://127.0.0.1:8000/reset-password".to_owned(),
            verify_email_ttl: Duration::from_hours(24),
            reset_password_ttl: Duration::from_hours(1),
            audit_retention: None,
            throttle: ThrottleConfig::default(),
            insecure_no_throttle: false,
        }
    }
}

/// A link may lead to a page of ours or of the host's, and nowhere else (ASVS 1.2.2).
fn page(name: &'static str, url: &str) -> Result<(), ConfigError> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte));
    match host {
        Some(host) if is_plain && !host.is_empty() && !host.starts_with('/') => Ok(()),
        _ => Err(ConfigError::new(name, "must be a whole URL with http or https and without a fragment")),
    }
}

/// Longer than any sensible lifetime, and short enough that no sum of two overflows a stored time.
const TTL_MAX: Duration = Duration::from_hours(10 * 366 * 24);

impl Config {
    /// How long others may keep the JWK set (`Cache-Control: max-age`), by default 5 min: also the longest time for
    /// which they accept what a revoked key has signed.
    pub fn jwks_max_age(&self) -> Duration {
        self.key_publish_ahead.saturating_sub(self.key_publish_ahead / 6)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let filled = |name, value: &str| match value.trim() {
            "" => Err(ConfigError::new(name, "is empty; name the service")),
            _ => Ok(()),
        };
        let lifetime = |name, value: Duration| match value {
            value if value < Duration::from_secs(1) => {
                Err(ConfigError::new(name, "is shorter than one second"))
            }
            value if value > TTL_MAX => Err(ConfigError::new(name, "is longer than ten years")),
            _ => Ok(()),
        };
        filled("issuer", &self.issuer)?;
        filled("audience", &self.audience)?;
        lifetime("access_ttl", self.access_ttl)?;
        lifetime("refresh_ttl", self.refresh_ttl)?;
        lifetime("session_ttl", self.session_ttl)?;
        filled("service_name", &self.service_name)?;
        page("verify_email_url", &self.verify_email_url)?;
        page("reset_password_url", &self.reset_password_url)?;
        lifetime("verify_email_ttl", self.verify_email_ttl)?;
        lifetime("reset_password_ttl", self.reset_password_ttl)?;
        if let Some(retention) = self.audit_retention {
            lifetime("audit_retention", retention)?;
        }
        if self.access_ttl > self.session_ttl {
            return Err(ConfigError::new("access_ttl", "is longer than session_ttl; make it shorter"));
        }
        if self.refresh_ttl > self.session_ttl {
            return Err(ConfigError::new("refresh_ttl", "is longer than session_ttl; make it shorter"));
        }
        if self.refresh_grace > Duration::from_mins(5) {
            return Err(ConfigError::new(
                "refresh_grace",
                "is longer than 5 minutes; a thief would go unnoticed",
            ));
        }
        if !(Duration::from_secs(1)..=Duration::from_hours(7 * 24)).contains(&self.key_publish_ahead) {
            return Err(ConfigError::new("key_publish_ahead", "is outside 1 second to 7 days"));
        }
        if self.revocation_max_age.is_some_and(|age| age < Duration::from_secs(1)) {
            return Err(ConfigError::new("revocation_max_age", "is shorter than one second"));
        }
        if self.max_sessions == 0 {
            return Err(ConfigError::new("max_sessions", "is zero; nobody could sign in"));
        }
        if !(8..=64).contains(&self.password_min_length) {
            return Err(ConfigError::new("password_min_length", "is outside 8 to 64 (NIST SP 800-63B-4)"));
        }
        if !(1..=1024).contains(&self.hash_slots) {
            return Err(ConfigError::new("hash_slots", "is outside 1 to 1024"));
        }
        if self.hash_queue > 1_000_000 {
            return Err(ConfigError::new("hash_queue", "is more than 1000000; nobody waits that long"));
        }
        if self.hash_wait.is_zero() || self.hash_wait > Duration::from_mins(1) {
            return Err(ConfigError::new("hash_wait", "is outside 1 ms to 60 s"));
        }
        self.throttle.check()
    }
}
