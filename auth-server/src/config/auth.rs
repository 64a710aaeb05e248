//! Lifetimes, hashing, and how often may be guessed.

use std::time::Duration;

use auth_core::Finding;

use super::{DAY, Reader, value};
use crate::error::SettingError;

pub(super) fn read_auth(
    reader: &mut Reader,
    warnings: &mut Vec<Finding>,
) -> Result<auth_core::Config, SettingError> {
    let mut auth = auth_core::Config::default();
    let minutes = reader.number(
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        auth.tokens.access_ttl.as_secs() / 60,
        1,
        3650 * 24 * 60,
    )?;
    let refresh =
        reader.number("REFRESH_TOKEN_EXPIRE_DAYS", auth.sessions.refresh_ttl.as_secs() / DAY, 1, 3650)?;
    let session =
        if refresh * DAY > auth.sessions.session_ttl.as_secs() && !reader.is_given("SESSION_EXPIRE_DAYS")? {
            // A service that knows only the idle lifetime must not find its sessions cut shorter than it says.
            warnings.push(Finding::note(
                "session_raised",
                format!("SESSION_EXPIRE_DAYS is raised to {refresh}, as REFRESH_TOKEN_EXPIRE_DAYS is"),
                "set it to decide yourself",
            ));
            reader.show(
                "SESSION_EXPIRE_DAYS",
                refresh.to_string(),
                "default, raised to REFRESH_TOKEN_EXPIRE_DAYS",
            );
            refresh
        } else {
            reader.number("SESSION_EXPIRE_DAYS", auth.sessions.session_ttl.as_secs() / DAY, 1, 3650)?
        };
    if refresh > session {
        let problem = "is more than SESSION_EXPIRE_DAYS: lower it, or raise SESSION_EXPIRE_DAYS";
        return Err(SettingError::new("REFRESH_TOKEN_EXPIRE_DAYS", problem));
    }
    if minutes * 60 > session * DAY {
        let problem = "is more than SESSION_EXPIRE_DAYS: lower it; the refresh token keeps users signed in";
        return Err(SettingError::new("ACCESS_TOKEN_EXPIRE_MINUTES", problem));
    }
    if minutes > 24 * 60 {
        warnings.push(Finding::warning(
            "access_token_long",
            "ACCESS_TOKEN_EXPIRE_MINUTES is more than a day: other services accept the token of a signed-out user for so \
             long",
            "lower it; the refresh token keeps users signed in",
        ));
    }
    auth.tokens.access_ttl = Duration::from_secs(minutes * 60);
    auth.sessions.refresh_ttl = Duration::from_secs(refresh * DAY);
    auth.sessions.session_ttl = Duration::from_secs(session * DAY);
    auth.sessions.refresh_grace = Duration::from_secs(reader.number(
        "REFRESH_GRACE_SECONDS",
        auth.sessions.refresh_grace.as_secs(),
        0,
        300,
    )?);
    auth.hashing.slots = reader.number("HASH_SLOTS", auth.hashing.slots, 1, 1024)?;
    auth.hashing.queue = reader.number("HASH_QUEUE", auth.hashing.slots * 64, 0, 1_000_000)?;
    let wait = u64::try_from(auth.hashing.wait.as_millis()).unwrap_or(u64::MAX);
    auth.hashing.wait = Duration::from_millis(reader.number("HASH_WAIT_MS", wait, 1, 60_000)?);
    read_throttle(reader, &mut auth, warnings)?;
    Ok(auth)
}

fn read_throttle(
    reader: &mut Reader,
    auth: &mut auth_core::Config,
    warnings: &mut Vec<Finding>,
) -> Result<(), SettingError> {
    let on = reader
        .setting("THROTTLE", true, value::on, |on| if *on { "on".to_owned() } else { "off".to_owned() })?;
    auth.insecure_no_throttle = !on;
    let throttle = &mut auth.throttle;
    throttle.account_limit = reader.number("THROTTLE_ACCOUNT_LIMIT", throttle.account_limit, 1, 100)?;
    // A limit that was set below the default is one for known devices too.
    let most = throttle.account_limit;
    throttle.account_failures =
        reader.number("THROTTLE_ACCOUNT_FAILURES", throttle.account_failures.min(most), 1, most)?;
    throttle.device_failures = throttle.device_failures.min(most);
    throttle.network_failures =
        reader.number("THROTTLE_NETWORK_FAILURES", throttle.network_failures, 1, 100_000)?;
    let minutes = throttle.network_refill.as_secs() / 60;
    throttle.network_refill =
        Duration::from_secs(60 * reader.number("THROTTLE_NETWORK_REFILL_MINUTES", minutes, 1, 24 * 60)?);
    if !on {
        warnings.push(Finding::warning(
            "throttle_off",
            "THROTTLE is off: passwords may be guessed as fast as they can be hashed",
            "keep it on for anything but a load test",
        ));
    }
    Ok(())
}
