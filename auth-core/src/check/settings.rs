//! Settings that are allowed, and probably not meant.

use std::{thread, time::Duration};

use crate::Finding;
use crate::{Config, EmailVerification, Registration};

/// Longer, and other services accept the token of a signed-out user for so long.
const ACCESS_TTL: Duration = Duration::from_hours(24);
/// Longer, and a thief who is fast enough goes unnoticed.
const REFRESH_GRACE: Duration = Duration::from_mins(1);
/// Longer than the least that NIST SP 800-63B asks for, three times over.
const SESSION_TTL: Duration = Duration::from_hours(90 * 24);

impl Config {
    /// What is allowed and probably not meant: the part of [`Auth::check`](crate::Auth::check) that needs nothing but the
    /// settings.
    pub fn findings(&self) -> Vec<Finding> {
        [
            self.insecure_no_throttle.then(|| {
                Finding::warning(
                    "throttle_off",
                    "throttling is off: passwords may be guessed as fast as they can be hashed",
                    "keep it on for anything but a load test",
                )
            }),
            (self.tokens.access_ttl > ACCESS_TTL).then(|| {
                Finding::warning(
                    "access_token_long",
                    "an access token lives for more than a day: other services accept that of a signed-out user for so long",
                    "make access_ttl shorter; the refresh token keeps users signed in",
                )
            }),
            self.check_grace(),
            (self.sessions.session_ttl > SESSION_TTL).then(|| {
                Finding::note(
                    "session_long",
                    "a session may last for more than 90 days, however long ago its password was typed",
                    "make session_ttl shorter, if that is not meant",
                )
            }),
            self.audit_retention.is_none().then(|| {
                Finding::note(
                    "audit_off",
                    "no audit is written: what happened to an account cannot be told afterwards",
                    "set audit_retention",
                )
            }),
            (self.tokens.issuer == "auth" && self.tokens.audience == "auth").then(|| {
                Finding::note(
                    "names_default",
                    "issuer and audience have their default: a service with the same keys accepts these tokens too",
                    "name this service in issuer and audience",
                )
            }),
            self.check_registration(),
            self.check_slots(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn check_grace(&self) -> Option<Finding> {
        if self.sessions.refresh_grace.is_zero() {
            return Some(Finding::note(
                "refresh_grace",
                "there is no grace for refresh tokens: two tabs that refresh at once, or an answer that is lost, end the session",
                "set refresh_grace to some seconds, if that is not meant",
            ));
        }
        (self.sessions.refresh_grace > REFRESH_GRACE).then(|| {
            Finding::note(
                "refresh_grace",
                "a used refresh token is answered for more than a minute: a thief within it goes unnoticed",
                "set refresh_grace to some seconds, if that is not meant",
            )
        })
    }

    /// Where addresses are to be proved, a registration does not tell those that have an account. A sign-in does.
    fn check_registration(&self) -> Option<Finding> {
        let tells =
            self.email_verification == EmailVerification::On && self.registration == Registration::Open;
        tells.then(|| {
            Finding::note(
                "registration_tells",
                "addresses are proved, but not before the first sign-in: whoever registers an address and then signs in with the \
                 same password learns whether it had an account",
                "EmailVerification::Required, in the program EMAIL_VERIFICATION=required, if who has an account is nobody's business",
            )
        })
    }

    fn check_slots(&self) -> Option<Finding> {
        let slots = self.hashing.slots;
        // Knows affinity and the CPU quota of the control group.
        let cores = thread::available_parallelism().map_or(slots, usize::from);
        (slots > cores).then(|| {
            Finding::warning(
                "hash_slots_above_cores",
                format!(
                    "{slots} passwords may be hashed at once, and this process may use {cores} of the CPUs: more at once \
                     make no login faster"
                ),
                format!("set hashing.slots to {cores}, or leave it out"),
            )
        })
    }
}
