//! Failures in a row: a rule without a store, a clock or a lock.

use uuid::Uuid;

use crate::{Config, ThrottleConfig, clock::duration_millis, token::device::Device};

/// Whose failures an attempt counts among: the names of three rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) account: Uuid,
    /// All devices on which somebody signed in to this account before.
    pub(crate) devices: Uuid,
    /// One of them, if it is of the account as it is now.
    pub(crate) device: Option<Device>,
}

/// What is kept of the attempts at one account, or of those of one known device. An attempt counts as a failure from
/// before its password is checked until it turns out to be right. Times are unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counter {
    pub(crate) failures: i64,
    pub(crate) tried_at: i64,
}

/// So many wrong codes cost no wait.
const FREE_CODES: i64 = 5;

/// What may be done. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// How many failures cost no wait.
    free: i64,
    /// After so many there is no further attempt.
    limit: i64,
    first_wait: i64,
    longest_wait: i64,
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Yes, if it is counted while there still are fewer failures than this.
    Reserve { below: i64 },
    /// Not for so many milliseconds.
    Wait(i64),
    /// Not at all.
    Closed,
}

impl Rule {
    /// Of strangers: what known devices may use up is not theirs. Where there are user names an account has two counters, one for
    /// the address and one for the name, and each has half.
    pub(crate) fn of_account(config: &Config) -> Self {
        let (rules, halves) = (&config.throttle, config.profile.usernames);
        let limit = rules.strangers_limit();
        let limit = if halves { (limit / 2).max(1) } else { limit };
        Self {
            free: rules.account_failures.min(limit).into(),
            limit: limit.into(),
            first_wait: duration_millis(rules.first_wait),
            longest_wait: duration_millis(rules.longest_wait),
        }
    }

    /// A known device never waits; its budget is used up or not.
    pub(crate) fn of_device(config: &ThrottleConfig) -> Self {
        Self::budget(config.device_failures)
    }

    /// All the devices of an account together have a budget, too, however many there are.
    pub(crate) fn of_devices(config: &ThrottleConfig) -> Self {
        Self::budget(config.devices_limit())
    }

    fn budget(failures: u32) -> Self {
        Self { free: failures.into(), limit: failures.into(), first_wait: 0, longest_wait: 0 }
    }

    /// Codes of a second factor: fewer are free, as there are fewer to guess among.
    pub(crate) fn of_factor(config: &Config) -> Self {
        let limit = config.factors.max_failures.into();
        Self { free: FREE_CODES.min(limit), limit, ..Self::of_account(config) }
    }

    pub(crate) fn limit(&self) -> i64 {
        self.limit
    }

    pub(crate) fn decide(&self, counter: Counter, now: i64) -> Decision {
        if counter.failures >= self.limit {
            return Decision::Closed;
        }
        let wait = self.wait_after(counter.failures);
        let since = now.saturating_sub(counter.tried_at);
        // The last attempt may lie a little ahead, by another instance's clock. Far ahead it was made by a clock that
        // was wrong, and nobody waits for that.
        if since.saturating_abs() < wait {
            return Decision::Wait(wait.saturating_sub(since.max(0)));
        }
        // Those that need not wait are counted side by side, as many as there may be; of those that waited, one.
        Decision::Reserve { below: counter.failures.saturating_add(1).max(self.free) }
    }

    fn wait_after(&self, failures: i64) -> i64 {
        let Ok(doublings) = u32::try_from(failures.saturating_sub(self.free)) else { return 0 };
        self.first_wait.saturating_mul(1 << doublings.min(40)).min(self.longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1000;

    fn account() -> Rule {
        Rule::of_account(&Config::default())
    }

    /// The wait after so many failures in a row, in seconds.
    fn wait(failures: i64) -> Option<i64> {
        match account().decide(Counter { failures, tried_at: 0 }, 0) {
            Decision::Reserve { .. } => Some(0),
            Decision::Wait(wait) => Some(wait / SECOND),
            Decision::Closed => None,
        }
    }

    #[test]
    fn waits_double_from_five_seconds_to_a_quarter_of_an_hour_and_end_at_the_limit() {
        assert!((0..10).all(|failures| wait(failures) == Some(0)));
        let waits: Vec<_> = (10..20).map(|failures| wait(failures).unwrap()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert!((20..80).all(|failures| wait(failures) == Some(900)));
        assert_eq!((wait(80), wait(81), wait(i64::MAX)), (None, None, None));
    }

    #[test]
    fn a_clock_that_was_wrong_once_locks_nobody_out() {
        let year = 365 * 24 * 3600 * SECOND;
        for (ahead, decision) in [
            (2 * SECOND, Decision::Wait(5 * SECOND)),
            (year, Decision::Reserve { below: 11 }),
            (i64::MAX, Decision::Reserve { below: 11 }),
        ] {
            assert_eq!(account().decide(Counter { failures: 10, tried_at: ahead }, 0), decision, "{ahead}");
        }
    }

    #[test]
    fn a_device_does_not_wait_and_its_budget_ends() {
        let rule = Rule::of_device(&ThrottleConfig::default());
        for failures in 0..10 {
            let decision = rule.decide(Counter { failures, tried_at: 0 }, 0);
            assert_eq!(decision, Decision::Reserve { below: 10 });
        }
        assert_eq!(rule.decide(Counter { failures: 10, tried_at: 0 }, i64::MAX), Decision::Closed);
    }

    #[test]
    fn strangers_and_devices_together_never_have_more_than_a_hundred_and_each_of_them_has_some() {
        for account_limit in 1..=100 {
            for device_failures in 1..=account_limit {
                let config = ThrottleConfig { account_limit, device_failures, ..ThrottleConfig::default() };
                let (strangers, devices) = (config.strangers_limit(), config.devices_limit());
                assert!(strangers + devices <= 100, "{account_limit} {device_failures}");
                assert!((1..=account_limit).contains(&strangers) && devices >= device_failures.min(50));
            }
        }
    }

    /// What the table does, for a property test: counts if there still are fewer.
    fn reserve(counter: &mut Counter, below: i64, now: i64) -> bool {
        let counts = counter.failures < below;
        if counts {
            *counter = Counter { failures: counter.failures + 1, tried_at: now };
        }
        counts
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// One of several instances reads the row.
        Read(usize),
        /// The same one reserves by what it read, or reads again.
        Reserve(usize),
        Pass(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..6_usize).prop_map(Step::Read),
            3 => (0..6_usize).prop_map(Step::Reserve),
            1 => (0..1000 * SECOND).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 0..600)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Six attackers at once, each of whom may have read long ago: the model looks at the times of the attempts
        /// that were let through, and at nothing else.
        #[test]
        fn no_interleaving_lets_more_through_than_waits_and_limit_allow(steps in steps()) {
            let rule = account();
            let (mut row, mut now) = (Counter::default(), 0);
            let mut read: [Option<(Counter, i64)>; 6] = [None; 6];
            let mut through: Vec<i64> = Vec::new();
            for step in steps {
                match step {
                    Step::Pass(time) => now += time,
                    Step::Read(who) => read[who] = Some((row, now)),
                    Step::Reserve(who) => {
                        let Some((seen, at)) = read[who].take() else { continue };
                        if let Decision::Reserve { below } = rule.decide(seen, at)
                            && reserve(&mut row, below, at)
                        {
                            through.push(at);
                        }
                    }
                }
            }
            prop_assert!(through.len() <= 80);
            for (index, pair) in through.windows(2).enumerate() {
                let failures = i64::try_from(index).unwrap() + 1;
                let due = if failures < 10 { 0 } else { (5 * SECOND) << (failures - 10).min(8) };
                // Reads are in no order, so an attempt may seem to lie before the last one.
                prop_assert!(failures < 10 || pair[1] - pair[0] >= due.min(900 * SECOND), "{through:?}");
            }
            prop_assert_eq!(row.failures, i64::try_from(through.len()).unwrap());
        }
    }
}
