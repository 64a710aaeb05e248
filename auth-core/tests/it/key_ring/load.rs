//! A minute in which the key changes every second, by the clock of the test: two instances that poll in turn and whose
//! clocks differ, and other services that keep the JWK set as long as they may.

use std::{collections::HashSet, sync::Arc, time::Duration};

use auth_core::{AccessToken, TokenVerifier, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{kid, ring};
use crate::support::TestAuth;

const STEP: Duration = Duration::from_millis(100);
/// Of steps.
const POLL: usize = 2;
const ROTATION: usize = 10;
const ACCESS_TTL: Duration = Duration::from_secs(5);
const AHEAD: Duration = Duration::from_secs(2);
/// How much the second instance's clock is ahead.
const APART: Duration = Duration::from_millis(50);

/// A service that verifies by the published set, and never asks before its copy is as old as it may be: not even for a
/// key that it does not know.
struct OtherService {
    verifier: TokenVerifier,
    keeps_until: Duration,
}

impl OtherService {
    fn new(from: &TestAuth, clock: &ManualClock, now: Duration) -> Self {
        let verifier = TokenVerifier::from_jwks(&from.auth.jwks(), "auth", "auth").unwrap();
        let keeps_until = now + from.auth.config().tokens.jwks_max_age();
        Self { verifier: verifier.clock(Arc::new(clock.clone())).leeway(APART), keeps_until }
    }

    fn accepts(&mut self, token: &AccessToken, from: &TestAuth, now: Duration) -> bool {
        if now >= self.keeps_until {
            self.verifier.set_jwks(&from.auth.jwks()).unwrap();
            self.keeps_until = now + from.auth.config().tokens.jwks_max_age();
        }
        self.verifier.verify(token.expose()).is_ok()
    }
}

/// Two instances, three other services, and the time since they started.
struct World {
    instances: [TestAuth; 2],
    others: Vec<OtherService>,
    clock: ManualClock,
    now: Duration,
    step: usize,
}

impl World {
    async fn new(db: &TestDatabase) -> Self {
        let clocks = [ManualClock::new(), ManualClock::new()];
        clocks[1].set(&clocks[0], APART);
        let start = async |clock: &ManualClock| {
            let settings = |builder: auth_core::AuthBuilder| {
                builder.configure(|config| {
                    config.tokens.key_publish_ahead = AHEAD;
                    config.tokens.access_ttl = ACCESS_TTL;
                })
            };
            let one = TestAuth::instance(db, ring(), clock, 2, settings).await;
            one.auth.poll_keys().await.unwrap();
            one
        };
        let instances = [start(&clocks[0]).await, start(&clocks[1]).await];
        instances[0].register().await;
        let [clock, _] = clocks;
        let mut world = Self { instances, others: Vec::new(), clock, now: Duration::ZERO, step: 0 };
        // Each has its copy from another moment.
        for _ in 0..3 {
            world.others.push(OtherService::new(&world.instances[0], &world.clock, world.now));
            world.tick().await;
        }
        world
    }

    /// The next tenth of a second; the two instances poll in turn.
    async fn tick(&mut self) {
        self.step += 1;
        self.now += STEP;
        for (number, one) in self.instances.iter().enumerate() {
            one.clock.advance(STEP);
            if self.step % POLL == number {
                one.auth.poll_keys().await.unwrap();
            }
        }
    }

    /// How many of all there are accept this token, and how many there are.
    fn acceptances(&mut self, token: &AccessToken) -> (usize, usize) {
        let here = self.instances.iter().filter(|one| one.accepts(token)).count();
        let mut there = 0;
        for (number, other) in self.others.iter_mut().enumerate() {
            let from = &self.instances[(number + self.step) % 2];
            there += usize::from(other.accepts(token, from, self.now));
        }
        (here + there, self.instances.len() + self.others.len())
    }
}

each_database! {
    async fn a_new_key_every_second_for_a_minute_refuses_no_good_token(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let session = world.instances[0].login().await;
        let mut refresh = session.refresh;
        let mut tokens: Vec<AccessToken> = Vec::new();
        let mut signing = HashSet::new();
        let mut checks = 0;
        for step in 0..600_usize {
            world.tick().await;
            if step % ROTATION == 0 {
                world.instances[step / ROTATION % 2].rotate().await;
            }
            for one in [0, 1] {
                let renewed = world.instances[one].refresh(&refresh).await.unwrap();
                refresh = renewed.refresh;
                signing.insert(kid(&renewed.access));
                tokens.push(renewed.access);
            }
            // New ones, half-way ones, and those in the last second of their life: `exp` is in whole seconds.
            for age in [0, 20, 39] {
                let Some(latest) = tokens.len().checked_sub(2 * (age + 1)) else { continue };
                for token in &tokens[latest..latest + 2] {
                    let (accepted, of) = world.acceptances(token);
                    assert_eq!(accepted, of, "of step {} at step {step}", step - age);
                    checks += of;
                }
            }
            if step % 100 == 0 {
                world.instances[0].auth.sweep().await.unwrap();
            }
        }
        assert!(signing.len() >= 55, "{} keys signed", signing.len());
        assert!(checks > 15_000, "{checks}");
    }

    async fn nothing_of_a_revoked_key_is_accepted_after_the_poll_and_the_cache_time(db: &TestDatabase) {
        let mut world = World::new(db).await;
        for pending in [false, true] {
            if pending {
                world.instances[0].rotate().await;
            }
            // Short of the turn of the next.
            for _ in 0..15 {
                world.tick().await;
            }
            let stolen = world.instances[1].login().await.access;
            assert_eq!(world.acceptances(&stolen), (5, 5));
            world.instances[0].revoke(&kid(&stolen)).await;
            let here: Vec<_> = world.instances.iter().map(|one| one.accepts(&stolen)).collect();
            assert_eq!(here, [false, true], "at once where it was done");
            // The bound: a poll for the other instance, and then a cache lifetime for other services.
            let poll = STEP * u32::try_from(POLL).unwrap();
            let bound = world.now + poll + world.instances[0].auth.config().tokens.jwks_max_age();
            let polled = world.now + poll;
            while world.now < bound {
                world.tick().await;
                if world.now >= polled {
                    assert!(!world.instances[1].accepts(&stolen), "after its poll");
                }
                world.acceptances(&stolen);
            }
            for _ in 0..20 {
                world.tick().await;
                assert_eq!(world.acceptances(&stolen), (0, 5));
            }
            let renewed = world.instances[1].login().await.access;
            assert_eq!(world.acceptances(&renewed), (5, 5), "and the new key is everywhere");
        }
    }
}
