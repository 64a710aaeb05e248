//! The promises of rotation, tried out on random schedules of an honest client and a thief.
//!
//! The client is a cookie jar with several tabs: each request carries what the jar holds, the server handles it
//! at once, and the answer is lost or reaches the jar a little later, possibly after the answers to later
//! requests. The thief copies the jar now and then and refreshes on their own. A failure prints its seed and the
//! shortest schedule that still fails.

use proptest::prelude::*;

use super::{Decision, Rotation};

const GRACE: i64 = 100;
/// Later than half the grace an answer may overwrite a cookie that has moved on twice.
const LATEST_ANSWER: i64 = GRACE / 2;

/// The server, as `flow/refresh.rs` drives the rule.
struct Server {
    rotation: Rotation,
    revoked: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Rotated(i64),
    Repeated(i64),
    Refused,
}

impl Server {
    fn new() -> Self {
        Self { rotation: Rotation::START, revoked: false }
    }

    /// What a restored backup or a standby that lagged holds.
    fn forget(&mut self, backup: Rotation) {
        self.rotation = backup;
    }

    fn refresh(&mut self, generation: i64, now: i64) -> Answer {
        if self.revoked {
            return Answer::Refused;
        }
        match self.rotation.decide(generation, now, GRACE) {
            Decision::Repeat(generation) => Answer::Repeated(generation),
            Decision::Rotate(next) | Decision::CatchUp(next) => {
                assert!(next.newest > self.rotation.newest, "the number that the UPDATE compares");
                self.rotation = next;
                Answer::Rotated(next.newest)
            }
            Decision::Reuse => {
                self.revoked = true;
                Answer::Refused
            }
            Decision::Unknown => Answer::Refused,
        }
    }
}

/// The cookie jar and the answers on their way to it.
struct Jar {
    holds: i64,
    on_their_way: Vec<(i64, i64)>,
}

impl Jar {
    fn new() -> Self {
        Self { holds: 1, on_their_way: Vec::new() }
    }

    fn receive(&mut self, now: i64) {
        self.on_their_way.sort_by_key(|(at, _)| *at);
        while self.on_their_way.first().is_some_and(|(at, _)| *at <= now) {
            self.holds = self.on_their_way.remove(0).1;
        }
    }
}

/// What a tab does at `now`, and when its answer arrives, if it does.
fn step(server: &mut Server, jar: &mut Jar, now: i64, travel: Option<i64>) -> Result<(), TestCaseError> {
    jar.receive(now);
    let (Answer::Rotated(token) | Answer::Repeated(token)) = server.refresh(jar.holds, now) else {
        return Err(TestCaseError::fail(format!("signed out at {now} with {}", jar.holds)));
    };
    jar.on_their_way.extend(travel.map(|travel| (now + travel, token)));
    jar.receive(now);
    Ok(())
}

/// Ticks until the next step: near nothing, near the grace, near its multiples, or anything.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 0..5_i64, 3 => GRACE - 5..GRACE + 5, 1 => 2 * GRACE - 5..2 * GRACE + 5, 2 => 0..3 * GRACE]
}

/// How long an answer travels; `None`: for ever.
fn travel() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![2 => Just(None), 3 => Just(Some(0)), 3 => (0..LATEST_ANSWER).prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn an_honest_client_never_loses_the_session(steps in prop::collection::vec((pause(), travel()), 1..40)) {
        let (mut server, mut jar, mut now) = (Server::new(), Jar::new(), 0);
        for (pause, travel) in steps {
            now += pause;
            step(&mut server, &mut jar, now, travel)?;
        }
    }

    #[test]
    fn an_honest_client_goes_on_with_a_row_that_is_older_than_its_token(
        steps in prop::collection::vec((pause(), travel()), 2..40), backup in 0..20_usize, restored in 1..40_usize
    ) {
        let (mut server, mut jar, mut now) = (Server::new(), Jar::new(), 0);
        let mut kept = server.rotation;
        for (number, (pause, travel)) in steps.into_iter().enumerate() {
            if number == backup {
                kept = server.rotation;
            }
            if number == restored.max(backup) {
                server.forget(kept);
                // The honest limit: what was on its way then may be a sibling, which is reuse now.
                jar.on_their_way.clear();
            }
            now += pause;
            step(&mut server, &mut jar, now, travel)?;
        }
    }

    #[test]
    fn once_a_row_has_caught_up_a_copy_that_is_older_ends_the_session(
        newest in 1..20_i64, ahead in 1..20_i64, copy in 1..40_i64, pause in pause()
    ) {
        let mut server = Server::new();
        server.rotation = Rotation { newest, last_used: newest - 1, oldest_unused: newest, rotated_at: Some(0) };
        let token = newest + ahead;
        prop_assert_eq!(server.refresh(token, GRACE), Answer::Rotated(token + 1));
        if copy < token {
            prop_assert_eq!(server.refresh(copy, GRACE + pause), Answer::Refused);
            prop_assert!(server.revoked);
        }
    }

    #[test]
    fn a_burst_with_one_cookie_gets_one_successor(
        before in prop::collection::vec(pause(), 0..10), burst in prop::collection::vec(0..GRACE / 10, 1..10)
    ) {
        let (mut server, mut held, mut now) = (Server::new(), 1, 0);
        for pause in before {
            now += pause;
            let (Answer::Rotated(token) | Answer::Repeated(token)) = server.refresh(held, now) else { panic!() };
            held = token;
        }
        now += GRACE;
        let first = server.refresh(held, now);
        let Answer::Rotated(successor) = first else { panic!("{first:?}") };
        for pause in burst {
            now += pause;
            if now - server.rotation.rotated_at.unwrap() < GRACE {
                prop_assert_eq!(server.refresh(held, now), Answer::Repeated(successor));
            }
        }
    }

    #[test]
    fn a_thief_and_the_owner_do_not_both_go_on(
        theft in 0..10_usize, steps in prop::collection::vec((any::<bool>(), pause()), 1..40)
    ) {
        let (mut server, mut now) = (Server::new(), 0);
        let mut held = [1, 1];
        // Steps of each since one of them last acted within the grace of the other.
        let mut apart = [0, 0];
        let mut rotated_by = None;
        for (number, (thief, pause)) in steps.into_iter().enumerate() {
            now += pause;
            if number == theft {
                held[1] = held[0];
                apart = [0, 0];
            }
            let who = usize::from(thief && number >= theft);
            match server.refresh(held[who], now) {
                Answer::Rotated(token) => {
                    held[who] = token;
                    rotated_by = Some(who);
                    apart[who] += 1;
                }
                Answer::Repeated(token) => {
                    held[who] = token;
                    if rotated_by != Some(who) {
                        apart = [0, 0];
                    }
                }
                Answer::Refused => break,
            }
            prop_assert!(apart[0] < 2 || apart[1] < 2, "both go on at {now}: {apart:?}");
        }
    }

    #[test]
    fn a_session_that_was_revoked_accepts_nothing(generations in prop::collection::vec((-2..50_i64, pause()), 0..60)) {
        let (mut server, mut now, mut over) = (Server::new(), 0, false);
        for (generation, pause) in generations {
            now += pause;
            let answer = server.refresh(generation, now);
            prop_assert!(!over || answer == Answer::Refused);
            over |= server.revoked;
        }
    }

    #[test]
    fn the_numbers_stay_in_order(generations in prop::collection::vec((1..12_i64, pause()), 0..60)) {
        let (mut server, mut now) = (Server::new(), 0);
        for (generation, pause) in generations {
            now += pause;
            server.refresh(generation, now);
            let Rotation { newest, last_used, oldest_unused, .. } = server.rotation;
            prop_assert!(0 <= last_used && last_used < oldest_unused && oldest_unused <= newest);
        }
    }
}
