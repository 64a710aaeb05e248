//! Failures of networks: one bucket for each, in memory, as many as fit a fixed budget.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{ThrottleConfig, clock::duration_millis};

/// The most networks that are remembered. A table for so many has at most 2^18 places of 33 bytes: 8.7 MB.
const CAPACITY: usize = 100_000;

/// A token bucket for each network. Of each only the time is kept at which it will be full again; a full one is
/// forgotten.
pub(crate) struct Buckets {
    full_at: Mutex<HashMap<IpAddr, i64>>,
    /// Milliseconds for one token, and for all of them.
    one: i64,
    all: i64,
}

impl Buckets {
    pub(crate) fn new(config: &ThrottleConfig) -> Self {
        let tokens = i64::from(config.network_failures);
        let one = duration_millis(config.network_refill).checked_div(tokens).unwrap_or(1).max(1);
        Self { full_at: Mutex::default(), one, all: one.saturating_mul(tokens) }
    }

    /// Whether there is a token, without taking it.
    ///
    /// # Errors
    /// The time until there is one.
    pub(crate) fn look(&self, network: IpAddr, now: i64) -> Result<(), Duration> {
        self.after_one_more(&self.lock(), network, now).map(drop)
    }

    /// Takes a token.
    ///
    /// # Errors
    /// The time until there is one.
    pub(crate) fn take(&self, network: IpAddr, now: i64) -> Result<(), Duration> {
        let mut full_at = self.lock();
        let next = self.after_one_more(&full_at, network, now)?;
        if full_at.len() >= CAPACITY && !full_at.contains_key(&network) {
            make_room(&mut full_at, now);
        }
        full_at.insert(network, next);
        Ok(())
    }

    /// Puts a token back.
    pub(crate) fn give_back(&self, network: IpAddr, now: i64) {
        let mut buckets = self.lock();
        let Some(full_at) = buckets.get_mut(&network) else { return };
        *full_at = full_at.saturating_sub(self.one);
        if *full_at <= now {
            buckets.remove(&network);
        }
    }

    fn after_one_more(&self, full_at: &Guard<'_>, network: IpAddr, now: i64) -> Result<i64, Duration> {
        let emptiest = now.saturating_add(self.all);
        // A bucket cannot be emptier than empty: then the clock was set back, and nobody waits for that.
        let full_at = full_at.get(&network).copied().filter(|full_at| *full_at <= emptiest);
        let full_at = full_at.unwrap_or(now).max(now);
        let next = full_at.saturating_add(self.one);
        match u64::try_from(next.saturating_sub(emptiest)) {
            Ok(wait) if wait > 0 => Err(Duration::from_millis(wait)),
            _ => Ok(next),
        }
    }

    /// A panic elsewhere leaves numbers, and any number is one.
    fn lock(&self) -> Guard<'_> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Guard<'a> = MutexGuard<'a, HashMap<IpAddr, i64>>;

/// Forgets the full buckets and, if half the room is still taken, the fuller half of the others. So nobody is forgotten
/// who did not fail less than tens of thousands of others; and as there is much room after it, it is rarely needed.
fn make_room(full_at: &mut HashMap<IpAddr, i64>, now: i64) {
    full_at.retain(|_, full_at| *full_at > now);
    let middle = full_at.len() / 2;
    if middle >= CAPACITY / 4 {
        let mut times: Vec<i64> = full_at.values().copied().collect();
        let (_, &mut median, _) = times.select_nth_unstable(middle);
        let mut surplus = middle;
        full_at.retain(|_, full_at| {
            let stays = *full_at > median || surplus == 0;
            surplus -= usize::from(!stays);
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn buckets() -> Buckets {
        Buckets::new(&ThrottleConfig::default())
    }

    fn network(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_of_a_hundred_refills_in_a_quarter_of_an_hour() {
        let (buckets, one, other) = (buckets(), network("192.0.2.1"), network("192.0.2.2"));
        assert!((0..100).all(|_| buckets.take(one, 0).is_ok()));
        assert_eq!(buckets.take(one, 0), Err(Duration::from_secs(9)));
        assert_eq!(buckets.look(one, 8_999), Err(Duration::from_millis(1)));
        assert_eq!((buckets.look(one, 9_000), buckets.take(one, 9_000)), (Ok(()), Ok(())));
        assert!(buckets.take(one, 9_000).is_err());
        assert_eq!(buckets.take(other, 9_000), Ok(()));
        let later = 9_000 + 15 * MINUTE;
        assert!((0..100).all(|_| buckets.take(one, later).is_ok()) && buckets.take(one, later).is_err());
    }

    #[test]
    fn what_is_given_back_leaves_no_trace() {
        let (buckets, one) = (buckets(), network("192.0.2.1"));
        buckets.take(one, 0).unwrap();
        buckets.give_back(one, 5);
        buckets.give_back(one, 5);
        assert!(buckets.lock().is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let (buckets, one) = (buckets(), network("192.0.2.1"));
        while buckets.take(one, 365 * 24 * 60 * MINUTE).is_ok() {}
        assert!((0..100).all(|_| buckets.take(one, 0).is_ok()));
        assert_eq!(buckets.take(one, 0), Err(Duration::from_secs(9)));
    }

    #[test]
    fn a_million_networks_stay_within_the_budget_and_reset_nobody() {
        let buckets = buckets();
        let attacker = network("192.0.2.1");
        while buckets.take(attacker, 0).is_ok() {}
        for host in 0..1_000_000_u64 {
            let _ = buckets.take(
                Ipv6Addr::from_bits(u128::from(host) << 64).into(),
                1 + i64::try_from(host).unwrap() / 100_000,
            );
            if host % 100_000 == 0 {
                assert!(buckets.look(attacker, 10).is_err(), "forgotten after {host}");
            }
        }
        let table = buckets.lock();
        assert!(table.len() <= CAPACITY && table.len() >= CAPACITY / 4, "{}", table.len());
        // A table has an entry and a byte for each place, and uses seven eighths of a power of two of them. It is never
        // enlarged while half of those would do.
        assert!(table.capacity() <= (1 << 18) / 8 * 7, "{}", table.capacity());
        assert_eq!(size_of::<(IpAddr, i64)>(), 32);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(u8),
        GiveBack(u8),
        Pass(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0..3_u8).prop_map(Step::Take),
            2 => (0..3_u8).prop_map(Step::GiveBack),
            1 => (0..MINUTE).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 0..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// The model is a bucket with water in it: so many milliseconds to drain, which time does.
        #[test]
        fn a_bucket_does_what_a_bucket_does(steps in steps()) {
            let buckets = Buckets::new(&ThrottleConfig { network_failures: 20, ..ThrottleConfig::default() });
            let (one, all) = (15 * MINUTE / 20, 15 * MINUTE);
            let mut water = [0_i64; 3];
            let mut now = 0;
            for step in steps {
                match step {
                    Step::Pass(time) => {
                        now += time;
                        water = water.map(|level| (level - time).max(0));
                    }
                    Step::Take(who) => {
                        let level = &mut water[usize::from(who)];
                        let overflow = (*level + one - all).max(0);
                        match buckets.take([192, 0, 2, who].into(), now) {
                            Ok(()) => {
                                prop_assert_eq!(overflow, 0);
                                *level += one;
                            }
                            Err(wait) => prop_assert_eq!(duration_millis(wait), overflow),
                        }
                    }
                    Step::GiveBack(who) => {
                        buckets.give_back([192, 0, 2, who].into(), now);
                        let level = &mut water[usize::from(who)];
                        *level = (*level - one).max(0);
                    }
                }
            }
        }
    }
}
