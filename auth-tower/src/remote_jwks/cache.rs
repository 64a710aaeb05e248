//! What is known of the issuer's keys, and what to do about a token by that: no I/O, and the time comes in.

use std::time::{Duration, SystemTime};

use auth_core::TokenVerifier;

use super::FetchError;

/// How long a set is kept, whatever the issuer says of it.
const LIFETIME: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(1);

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the beginning of one fetch to that of the next, at least.
    pub(super) refetch_interval: Duration,
    /// How long keys are used beyond their lifetime while there are no newer ones to be had.
    pub(super) keep_while_away: Duration,
}

/// Times are those of the injected clock. One that is turned back makes keys due and never keeps a fetch away.
#[derive(Debug)]
pub(super) struct Cache {
    limits: Limits,
    keys: Option<Keys>,
    /// When the last fetch began.
    asked_at: Option<SystemTime>,
    /// Why the last fetch came to nothing, if it did.
    failure: Option<FetchError>,
}

#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) verifier: TokenVerifier,
    /// When the fetch began that brought them; the issuer said so then or later.
    at: SystemTime,
    lifetime: Duration,
}

/// What to do about a token.
#[derive(Debug)]
pub(super) enum Advice {
    /// These keys decide.
    Verify(Keys),
    /// These keys decide; newer ones should be fetched meanwhile.
    VerifyAndFetch(Keys),
    /// Wait for a fetch, then ask again.
    Wait,
    /// None of the keys is the token's.
    Refuse,
    /// It cannot be told; worth another try after so long.
    Unavailable(Duration),
}

impl Cache {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, keys: None, asked_at: None, failure: None }
    }

    /// Whether a fetch may begin.
    pub(super) fn may_ask(&self, now: SystemTime) -> bool {
        self.asked_at.is_none_or(|at| !lies_within(now, at, self.limits.refetch_interval))
    }

    pub(super) fn asked(&mut self, now: SystemTime) {
        self.asked_at = Some(now);
    }

    /// The outcome of the fetch that began last.
    pub(super) fn answered(
        &mut self,
        began: SystemTime,
        answer: Result<(TokenVerifier, Duration), FetchError>,
    ) {
        match answer {
            Ok((verifier, max_age)) => {
                let lifetime = max_age.clamp(*LIFETIME.start(), *LIFETIME.end());
                self.keys = Some(Keys { verifier, at: began, lifetime });
                self.failure = None;
            }
            Err(error) => self.failure = Some(error),
        }
    }

    pub(super) fn failure(&self) -> Option<&FetchError> {
        self.failure.as_ref()
    }

    /// About any token. `may_wait`: there is a fetch to wait for, or one may begin.
    pub(super) fn advice(&self, now: SystemTime, may_wait: bool) -> Advice {
        let Some(keys) = self.usable(now) else {
            return if may_wait { Advice::Wait } else { self.unavailable(now) };
        };
        if keys.is_fresh(now) || !may_wait {
            Advice::Verify(keys.clone())
        } else if keys.is_within_lifetime(now) || self.failure.is_some() {
            // While the issuer is away nobody waits for each try.
            Advice::VerifyAndFetch(keys.clone())
        } else {
            Advice::Wait
        }
    }

    /// About a token whose key is none of `seen`, which were the ones to use a moment ago.
    pub(super) fn advice_for_unknown_key(&self, seen: &Keys, now: SystemTime, may_wait: bool) -> Advice {
        match self.usable(now) {
            // Others came meanwhile.
            Some(keys) if keys.at != seen.at => Advice::Verify(keys.clone()),
            _ if may_wait => Advice::Wait,
            Some(_) if self.failure.is_none() => Advice::Refuse,
            _ => self.unavailable(now),
        }
    }

    fn usable(&self, now: SystemTime) -> Option<&Keys> {
        let keys = self.keys.as_ref()?;
        let most = keys.lifetime.saturating_add(self.limits.keep_while_away);
        keys.at.checked_add(most).is_none_or(|end| now < end).then_some(keys)
    }

    fn unavailable(&self, now: SystemTime) -> Advice {
        let next = self.asked_at.and_then(|at| at.checked_add(self.limits.refetch_interval));
        Advice::Unavailable(next.and_then(|next| next.duration_since(now).ok()).unwrap_or_default())
    }
}

impl Keys {
    /// Not in the last fifth of their lifetime: then newer ones are fetched, so that nobody has to wait later.
    fn is_fresh(&self, now: SystemTime) -> bool {
        lies_within(now, self.at, self.lifetime / 5 * 4)
    }

    fn is_within_lifetime(&self, now: SystemTime) -> bool {
        lies_within(now, self.at, self.lifetime)
    }
}

fn lies_within(now: SystemTime, from: SystemTime, span: Duration) -> bool {
    now.duration_since(from).is_ok_and(|age| age < span)
}
