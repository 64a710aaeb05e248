//! The promises of the key ring, tried out on random schedules of administrators who add and revoke keys. A failure
//! prints its seed and the shortest schedule that still fails.

use proptest::prelude::*;

use super::{Schedule, Term};

/// Ticks for which a key is published before it signs.
const AHEAD: i64 = 20;
/// Lifetime of a token.
const TTL: i64 = 30;
/// What a key is accepted beyond its last token, for clocks that differ: each is off by half of it at most.
const MARGIN: i64 = 8;
const KEEP: i64 = TTL + MARGIN;

/// When it was added.
type Key = i64;

/// The rows, as the flows change them.
#[derive(Clone, Default)]
struct Rows(Vec<Term<Key>>);

impl Rows {
    fn schedule(&self) -> Schedule<Key> {
        Schedule::new(self.0.iter().cloned(), KEEP)
    }

    fn add(&mut self, now: i64, ahead: i64) {
        let (number, active_at) = self.schedule().next(now + ahead);
        self.0.push(Term { number, active_at, revoked_at: None, key: now });
    }

    /// One of those there are.
    fn revoke(&mut self, which: usize, now: i64) {
        let count = self.0.len();
        if let Some(term) = self.0.get_mut(which % count.max(1)) {
            term.revoked_at.get_or_insert(now);
        }
    }

    fn heal(&mut self, now: i64) {
        if self.schedule().signing(now).is_none() {
            self.add(now, 0);
        }
    }

    fn sweep(&mut self, now: i64) {
        let schedule = self.schedule();
        let over: Vec<_> = schedule.over(now).map(|term| term.number).collect();
        self.0.retain(|term| !over.contains(&term.number));
    }

    fn revoked(&self, number: i64) -> bool {
        self.0.iter().all(|term| term.number != number || term.revoked_at.is_some())
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Rotate,
    Revoke(usize),
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop_oneof![0..4_i64, AHEAD - 3..AHEAD + 3, KEEP - 3..KEEP + 3].prop_map(Step::Wait),
        3 => Just(Step::Rotate),
        1 => (0..8_usize).prop_map(Step::Revoke),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..30)
}

/// The same told the long way round: somebody holds an office, tick for tick.
#[derive(Default)]
struct Office {
    holder: Option<i64>,
}

impl Office {
    fn tick(&mut self, rows: &Rows, now: i64) {
        let mut waiting: Vec<_> = rows
            .0
            .iter()
            .filter(|term| term.revoked_at.is_none() && self.holder.is_none_or(|holder| term.number > holder))
            .collect();
        waiting.sort_by_key(|term| term.number);
        let vacant = self.holder.is_none_or(|holder| rows.revoked(holder));
        let due = waiting.iter().rev().find(|term| term.active_at <= now);
        if let Some(term) = due.or(waiting.first().filter(|_| vacant)) {
            self.holder = Some(term.number);
        }
    }

    fn signing(&self, rows: &Rows) -> Option<i64> {
        self.holder.filter(|holder| !rows.revoked(*holder))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// One clock, and every instance knows of every change at once.
    #[test]
    fn one_key_signs_at_a_time_and_its_turn_comes_once(steps in steps()) {
        let (mut rows, mut office, mut now) = (Rows::default(), Office::default(), 1_000);
        let mut last = 0;
        rows.heal(now);
        for step in steps {
            match step {
                Step::Rotate => rows.add(now, AHEAD),
                Step::Revoke(which) => rows.revoke(which, now),
                Step::Sweep => rows.sweep(now),
                Step::Wait(_) => {}
            }
            let ticks = if let Step::Wait(ticks) = step { ticks } else { 0 };
            for tick in 0..=ticks {
                now += i64::from(tick > 0);
                rows.heal(now);
                office.tick(&rows, now);
                let schedule = rows.schedule();
                let signing = schedule.signing(now).unwrap();
                prop_assert_eq!(office.signing(&rows), Some(signing.number), "at {}", now);
                prop_assert!(signing.number >= last, "a key that was relieved signs again at {}", now);
                last = signing.number;
                prop_assert!(schedule.accepted(now).any(|(term, _)| term.number == last));
                prop_assert!(schedule.accepted(now).all(|(term, _)| !term.is_revoked()));
            }
        }
    }

    /// Everyone's clock is off by as much as half the margin: who adds keys, who signs, and who verifies.
    #[test]
    fn a_key_signs_when_it_is_known_and_its_tokens_are_good_until_they_end(
        steps in steps(), clocks in prop::collection::vec(-MARGIN / 2..=MARGIN / 2, 3)
    ) {
        let [administrator, signer, verifier] = clocks[..] else { panic!() };
        let (mut rows, mut now) = (Rows::default(), 1_000);
        // Number of the key and end of the token.
        let mut tokens: Vec<(i64, i64)> = Vec::new();
        let mut before = None;
        rows.add(now + administrator, 0);
        for step in steps {
            match step {
                Step::Rotate => rows.add(now + administrator, AHEAD),
                Step::Revoke(which) => rows.revoke(which, now + administrator),
                // As late as the program does it.
                Step::Sweep => rows.sweep(now + verifier - MARGIN),
                Step::Wait(_) => {}
            }
            let ticks = if let Step::Wait(ticks) = step { ticks } else { 0 };
            for tick in 0..=ticks {
                now += i64::from(tick > 0);
                rows.heal(now + signer);
                let schedule = rows.schedule();
                let signing = schedule.signing(now + signer).unwrap();
                // Neither the first, nor early in place of one that was revoked in its turn.
                let relieves = before.is_some_and(|before| {
                    let mut turns = schedule.turns().filter(|(term, _)| (before..signing.number).contains(&term.number));
                    before != signing.number && !rows.revoked(before) && turns.all(|(term, _)| !term.is_revoked())
                });
                let known_for = now + administrator - signing.key;
                prop_assert!(!relieves || known_for >= AHEAD - MARGIN, "{:?} at {}", signing, now);
                before = Some(signing.number);
                tokens.push((signing.number, now + signer + TTL));
                tokens.retain(|(key, end)| now + verifier < *end && !rows.revoked(*key));
                for (key, _) in &tokens {
                    prop_assert!(
                        schedule.accepted(now + verifier).any(|(term, _)| term.number == *key),
                        "a token of {} is refused at {}", key, now
                    );
                }
            }
        }
    }

    #[test]
    fn taking_away_what_is_over_changes_nothing(steps in steps(), later in 0..3 * KEEP) {
        let (mut rows, mut now) = (Rows::default(), 1_000);
        for step in steps {
            match step {
                Step::Rotate => rows.add(now, AHEAD),
                Step::Revoke(which) => rows.revoke(which, now),
                Step::Sweep => {
                    let mut swept = rows.clone();
                    swept.sweep(now);
                    let (with, without) = (rows.schedule(), swept.schedule());
                    for at in [now, now + later] {
                        prop_assert_eq!(with.signing(at), without.signing(at));
                        let list = |schedule: &Schedule<Key>| {
                            schedule.accepted(at).map(|(term, end)| (term.number, end)).collect::<Vec<_>>()
                        };
                        prop_assert_eq!(list(&with), list(&without));
                    }
                }
                Step::Wait(ticks) => now += ticks,
            }
        }
    }
}

fn term(number: i64, active_at: i64, revoked_at: Option<i64>) -> Term<()> {
    Term { number, active_at, revoked_at, key: () }
}

fn signing(terms: &[Term<()>], now: i64) -> Option<i64> {
    Schedule::new(terms.iter().cloned(), KEEP).signing(now).map(|term| term.number)
}

#[test]
fn the_turn_is_taken_at_its_time_and_the_first_key_need_not_wait() {
    let terms = [term(1, 100, None), term(2, 200, None), term(3, 200, None)];
    for (now, expected) in [(0, 1), (100, 1), (199, 1), (200, 3), (900, 3)] {
        assert_eq!(signing(&terms, now), Some(expected), "at {now}");
    }
    assert_eq!(signing(&[], 0), None);
}

#[test]
fn in_place_of_a_revoked_key_the_next_signs_and_never_the_one_before() {
    let terms = [term(1, 100, None), term(2, 200, Some(250)), term(3, 300, None)];
    assert_eq!((signing(&terms, 199), signing(&terms, 250)), (Some(1), Some(3)));
    assert_eq!(signing(&terms[..2], 250), None);
    let cancelled = [term(1, 100, None), term(2, 200, Some(150))];
    assert_eq!(signing(&cancelled, 250), Some(1), "it never had its turn");
}

#[test]
fn a_key_is_accepted_until_a_lifetime_after_the_next_took_over() {
    let schedule = Schedule::new([term(1, 100, None), term(2, 200, Some(250)), term(3, 300, None)], KEEP);
    let accepted = |now| schedule.accepted(now).map(|(term, _)| term.number).collect::<Vec<_>>();
    assert_eq!(accepted(0), [1, 3]);
    assert_eq!((accepted(199 + KEEP), accepted(200 + KEEP)), (vec![1, 3], vec![3]));
    let over = |now| schedule.over(now).map(|term| term.number).collect::<Vec<_>>();
    assert_eq!((over(200 + KEEP), over(300 + KEEP)), (vec![1], vec![1, 2]));
}
