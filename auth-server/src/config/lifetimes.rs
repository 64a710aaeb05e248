//! Lifetimes, and limits on guessing passwords.

use std::time::Duration;

use auth_core::{Finding, SessionConfig};

use super::Config;
use crate::error::SettingError;

/// Holds lifetimes against each other, and says which settings are probably not meant.
pub(super) fn agree(config: &mut Config, session_is_given: bool) -> Result<(), SettingError> {
    let refuse = |name: &str, problem: &str| Err(SettingError::new(name, problem));
    let (tokens, sessions) = (&config.auth.tokens, &config.auth.sessions);
    if !session_is_given && sessions.session_ttl > SessionConfig::default().session_ttl {
        let days = sessions.session_ttl.as_secs() / (24 * 60 * 60);
        config.warnings.push(Finding::note(
            "session_raised",
            format!("SESSION_EXPIRE_DAYS is raised to {days}, as REFRESH_TOKEN_EXPIRE_DAYS is"),
            "set it to decide yourself",
        ));
    }
    if sessions.refresh_ttl > sessions.session_ttl {
        let problem = "is more than SESSION_EXPIRE_DAYS: lower it, or raise SESSION_EXPIRE_DAYS";
        return refuse("REFRESH_TOKEN_EXPIRE_DAYS", problem);
    }
    if tokens.access_ttl > sessions.session_ttl {
        let problem = "is more than SESSION_EXPIRE_DAYS: lower it; the refresh token keeps users signed in";
        return refuse("ACCESS_TOKEN_EXPIRE_MINUTES", problem);
    }
    if tokens.access_ttl > Duration::from_hours(24) {
        config.warnings.push(Finding::warning(
            "access_token_long",
            "ACCESS_TOKEN_EXPIRE_MINUTES is more than a day: other services accept the token of a signed-out user for so \
             long",
            "lower it; the refresh token keeps users signed in",
        ));
    }
    if config.auth.insecure_no_throttle {
        config.warnings.push(Finding::warning(
            "throttle_off",
            "THROTTLE is off: passwords may be guessed as fast as they can be hashed",
            "keep it on for anything but a load test",
        ));
    }
    // Instances have a sixth of it to learn of a key.
    if tokens.key_publish_ahead < config.auth.background.poll.saturating_mul(6) {
        let problem =
            "is less than six times REVOCATION_POLL_MS: a key would sign before all instances know it";
        return refuse("KEY_PUBLISH_AHEAD_SECONDS", problem);
    }
    if tokens.revocation_max_age.is_some_and(|age| age < config.auth.background.poll.saturating_mul(2)) {
        let problem = "is less than two polls (REVOCATION_POLL_MS): every slow poll would refuse everybody";
        return refuse("REVOCATION_MAX_AGE_SECONDS", problem);
    }
    Ok(())
}
