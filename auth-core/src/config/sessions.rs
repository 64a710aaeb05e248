use std::time::Duration;

use super::lifetime;
use crate::ConfigError;

/// Sessions and refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// Idle lifetime: a session not refreshed for so long is over. Default 7 days.
    pub refresh_ttl: Duration,
    /// Absolute lifetime of a session; no refresh extends it (RFC 10017, NIST SP 800-63B). Default 30 days.
    pub session_ttl: Duration,
    /// For how long after a rotation the same refresh token is answered with the same successor. Default
    /// 10 s; zero is the strict rule: every use rotates, every replay revokes.
    pub refresh_grace: Duration,
    /// The most live sessions of a user; a sign-in beyond it ends the oldest. Default 100.
    pub max_sessions: u64,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            refresh_ttl: Duration::from_hours(7 * 24),
            session_ttl: Duration::from_hours(30 * 24),
            refresh_grace: Duration::from_secs(10),
            max_sessions: 100,
        }
    }
}

impl SessionConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        lifetime("sessions.refresh_ttl", self.refresh_ttl)?;
        lifetime("sessions.session_ttl", self.session_ttl)?;
        let refuse = |setting, problem: &str| Err(ConfigError::new(setting, problem));
        if self.refresh_ttl > self.session_ttl {
            return refuse("sessions.refresh_ttl", "is longer than session_ttl; make it shorter");
        }
        if self.refresh_grace > Duration::from_mins(5) {
            return refuse("sessions.refresh_grace", "is longer than 5 minutes; a thief would go unnoticed");
        }
        if self.max_sessions == 0 {
            return refuse("sessions.max_sessions", "is zero; nobody could sign in");
        }
        Ok(())
    }
}
