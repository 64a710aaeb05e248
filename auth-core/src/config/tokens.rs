use std::time::Duration;

use super::{TokenClaims, filled, lifetime};
use crate::ConfigError;

/// Access tokens, and the keys that sign them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenConfig {
    /// Claim `iss` of access tokens. Default `auth`.
    pub issuer: String,
    /// Claim `aud` of access tokens: give services that must not accept each other's tokens different ones
    /// (ASVS 9.2.4). Default `auth`.
    pub audience: String,
    /// Lifetime of an access token, and so the delay of a stateless check after a revocation. Default 15 min.
    pub access_ttl: Duration,
    /// How long a new key of the key ring is published before it signs. Others may keep the JWK set for
    /// [`jwks_max_age`](Self::jwks_max_age), five sixths of it; the last sixth is for instances to learn of the key and
    /// for clocks that differ. Default 6 min.
    pub key_publish_ahead: Duration,
    /// A bounded check ([`TokenVerifier::bounded`](crate::TokenVerifier::bounded)) answers
    /// [`Error::RevocationsStale`](crate::Error) when no poll has succeeded for so long. Default `None`: it goes on
    /// with what it knows, so that a database that is away stops nobody for as long as access tokens live.
    pub revocation_max_age: Option<Duration>,
    /// What tokens tell of a person's profile. Each sign-in, refresh and step-up reads the profile then: a statement more. What is
    /// longer than 1 KiB is left out. Default: nothing.
    pub claims: TokenClaims,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            issuer: "auth".to_owned(),
            audience: "auth".to_owned(),
            access_ttl: Duration::from_mins(15),
            key_publish_ahead: Duration::from_mins(6),
            revocation_max_age: None,
            claims: TokenClaims::default(),
        }
    }
}

impl TokenConfig {
    /// How long others may keep the JWK set (`Cache-Control: max-age`), by default 5 min: also the longest time for
    /// which they accept what a revoked key has signed.
    pub fn jwks_max_age(&self) -> Duration {
        self.key_publish_ahead.saturating_sub(self.key_publish_ahead / 6)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        filled("tokens.issuer", &self.issuer)?;
        filled("tokens.audience", &self.audience)?;
        lifetime("tokens.access_ttl", self.access_ttl)?;
        if !(Duration::from_secs(1)..=Duration::from_hours(7 * 24)).contains(&self.key_publish_ahead) {
            return Err(ConfigError::new("tokens.key_publish_ahead", "is outside 1 second to 7 days"));
        }
        if self.revocation_max_age.is_some_and(|age| age < Duration::from_secs(1)) {
            return Err(ConfigError::new("tokens.revocation_max_age", "is shorter than one second"));
        }
        Ok(())
    }
}
