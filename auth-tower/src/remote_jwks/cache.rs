//! What is known of the issuer's keys, and what to do about a token by that: no I/O, and the time comes in.

use std::{
    ops::RangeInclusive,
    time::{Duration, SystemTime},
};

use auth_core::TokenVerifier;

use super::FetchError;

/// How long a set is kept, whatever the issuer says of it.
const LIFETIME: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(1);

/// A failure as old as this says nothing of whether the issuer is away now.
const LATELY: Duration = Duration::from_mins(1);

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
    /// Why the last fetch to end came to nothing, if it did, and when it began.
    failure: Option<(SystemTime, FetchError)>,
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

    /// What came of the fetch that began then.
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
            Err(error) => self.failure = Some((began, error)),
        }
    }

    pub(super) fn failure(&self) -> Option<&FetchError> {
        self.failure.as_ref().map(|(_, error)| error)
    }

    /// About any token. `may_wait`: there is a fetch to wait for, or one may begin.
    pub(super) fn advice(&self, now: SystemTime, may_wait: bool) -> Advice {
        let Some(keys) = self.usable(now) else {
            return if may_wait { Advice::Wait } else { self.unavailable(now) };
        };
        if keys.is_fresh(now) || !may_wait {
            Advice::Verify(keys.clone())
        } else if keys.is_within_lifetime(now) || self.failed_lately(now) {
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

    /// Then nobody waits for each try. After a silence somebody does: the issuer may be back.
    fn failed_lately(&self, now: SystemTime) -> bool {
        self.failure.as_ref().is_some_and(|(at, _)| lies_within(now, *at, LATELY))
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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use auth_core::{Keys as Secrets, SecretKey};
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Event {
        /// Time passes, and then a token comes, whose key is known or not.
        Token { after: Duration, known: bool },
        /// The fetch under way, if any, ends: with keys that may be kept for so long, or in vain.
        Landing { after: Duration, max_age: Option<Duration> },
    }

    fn span() -> impl Strategy<Value = Duration> {
        let edges =
            [0, 1, 9_999, 10_000, 47_999, 48_000, 59_999, 60_000, 240_000, 300_000, 3_600_000, 7_200_000];
        prop_oneof![
            3 => proptest::sample::select(edges.to_vec()),
            3 => 0..12_000u64,
            1 => 0..8_000_000u64,
        ]
        .prop_map(Duration::from_millis)
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            2 => (span(), any::<bool>()).prop_map(|(after, known)| Event::Token { after, known }),
            1 => (0..6_000u64, proptest::option::weighted(0.6, span())).prop_map(|(after, max_age)| {
                Event::Landing { after: Duration::from_millis(after), max_age }
            }),
        ]
    }

    /// The caller of a cache, as `RemoteJwks` is, and what an onlooker knows by writing down.
    struct World {
        cache: Cache,
        limits: Limits,
        verifier: TokenVerifier,
        now: SystemTime,
        flight: Option<SystemTime>,
        fetches: Vec<SystemTime>,
        /// When the last fetch that brought keys began, and how long those live.
        keys: Option<(SystemTime, Duration)>,
        /// When the last fetch to end began, if it failed.
        failed: Option<SystemTime>,
    }

    impl World {
        fn new() -> Self {
            let limits = Limits {
                refetch_interval: Duration::from_secs(10),
                keep_while_away: Duration::from_hours(1),
            };
            let secret = SecretKey::new("0123456789abcdef0123456789abcdef").unwrap();
            Self {
                cache: Cache::new(limits),
                limits,
                verifier: TokenVerifier::new(&Secrets::new(secret), "issuer", "audience").unwrap(),
                now: UNIX_EPOCH,
                flight: None,
                fetches: Vec::new(),
                keys: None,
                failed: None,
            }
        }

        fn age(&self) -> Option<(Duration, Duration)> {
            self.keys.map(|(at, lifetime)| (self.now.duration_since(at).unwrap(), lifetime))
        }

        fn fetch(&mut self) {
            if self.flight.is_none() {
                self.cache.asked(self.now);
                self.flight = Some(self.now);
                self.fetches.push(self.now);
            }
        }

        fn land(&mut self, max_age: Option<Duration>) {
            let Some(began) = self.flight.take() else { return };
            self.failed = max_age.is_none().then_some(began);
            if let Some(max_age) = max_age {
                self.keys = Some((began, max_age.clamp(Duration::from_mins(1), Duration::from_hours(1))));
            }
            let answer = max_age.map(|max_age| (self.verifier.clone(), max_age));
            self.cache.answered(began, answer.ok_or_else(|| FetchError::new("away")));
        }

        fn token(&mut self, known: bool) -> Result<(), TestCaseError> {
            let may_wait = self.flight.is_some() || self.cache.may_ask(self.now);
            let mut advice = self.cache.advice(self.now, may_wait);
            if let (Advice::Verify(keys) | Advice::VerifyAndFetch(keys), false) = (&advice, known) {
                advice = self.cache.advice_for_unknown_key(keys, self.now, may_wait);
                prop_assert!(
                    !matches!(advice, Advice::Verify(_) | Advice::VerifyAndFetch(_)),
                    "nothing changed"
                );
            }
            let most = |lifetime: Duration| lifetime + self.limits.keep_while_away;
            let usable = self.age().is_some_and(|(age, lifetime)| age < most(lifetime));
            let alive = self.age().is_some_and(|(age, lifetime)| age < lifetime);
            let since = |at: SystemTime| self.now.duration_since(at).unwrap();
            let failed_lately = self.failed.is_some_and(|at| since(at) < Duration::from_mins(1));
            let fresh = self.age().is_some_and(|(age, lifetime)| age < lifetime * 4 / 5);
            match advice {
                Advice::Verify(_) => prop_assert!(fresh || self.failed.is_some() && usable),
                Advice::VerifyAndFetch(_) => {
                    prop_assert!(!fresh && may_wait && (alive || failed_lately && usable));
                    self.fetch();
                }
                Advice::Wait => {
                    prop_assert!(may_wait && (!known || !usable || !alive && !failed_lately));
                    self.fetch();
                }
                Advice::Refuse => {
                    prop_assert!(!known && usable && self.failed.is_none() && self.flight.is_none());
                    prop_assert!(since(self.fetches[self.fetches.len() - 1]) < self.limits.refetch_interval);
                }
                Advice::Unavailable(wait) => {
                    prop_assert!(self.failed.is_some() && !may_wait && (!known || !usable));
                    prop_assert!(wait <= self.limits.refetch_interval && self.cache.may_ask(self.now + wait));
                }
            }
            Ok(())
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// Fetches keep their distance; keys decide while they live, and beyond that only while the issuer is away,
        /// and not for ever; a token is refused only after asking, and not because the issuer is away.
        #[test]
        fn whatever_comes_keys_are_asked_for_in_time_and_not_more_often(
            events in proptest::collection::vec(event(), 1..60),
        ) {
            let mut world = World::new();
            for event in events {
                match event {
                    Event::Token { after, known } => {
                        world.now += after;
                        world.token(known)?;
                    }
                    Event::Landing { after, max_age } => {
                        world.now += after;
                        world.land(max_age);
                    }
                }
            }
            for pair in world.fetches.windows(2) {
                prop_assert!(pair[1].duration_since(pair[0]).unwrap() >= Duration::from_secs(10), "{pair:?}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_turned_back_makes_keys_due_and_keeps_no_fetch_away() {
        let mut world = World::new();
        world.now += Duration::from_hours(24);
        world.fetch();
        world.land(Some(Duration::from_mins(5)));
        assert!(matches!(world.cache.advice(world.now, true), Advice::Verify(_)));
        world.now -= Duration::from_hours(1);
        assert!(world.cache.may_ask(world.now));
        assert!(matches!(world.cache.advice(world.now, true), Advice::Wait));
    }
}
