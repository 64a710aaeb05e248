use std::time::Duration;

use crate::ConfigError;

/// Limits on guessing passwords. Start from [`ThrottleConfig::default`]; the reasons are on the manual's page on
/// [throttling](crate::manual::throttling).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleConfig {
    /// Wrong passwords in a row for one account before each further attempt has to wait. Default 10.
    pub account_failures: u32,
    /// Wrong passwords in a row for one account after which only a known device can sign in, 1 to 100. Default 100. With what all
    /// known devices of the account have together, twice [`device_failures`](Self::device_failures) and 50 at most, no more than 100
    /// are checked, which is the most that NIST SP 800-63B-4 section 3.2.2 allows: of strangers 80 by default. Where there are [user names](crate::ProfileConfig::usernames) those by the address have one
    /// half of that and those by the user name the other.
    pub account_limit: u32,
    /// The first wait of an account; each further failure doubles it. Default 5 s.
    pub first_wait: Duration,
    /// The longest wait of an account. Default 15 min.
    pub longest_wait: Duration,
    /// Wrong passwords in a row on one known device before it counts as an unknown one. Default 10.
    pub device_failures: u32,
    /// Failures of one network (IPv4 address, IPv6 /64) at once, on each instance. Default 100: many people share an
    /// address.
    pub network_failures: u32,
    /// How long it takes until a network that used them all up has them all again. Default 15 min.
    pub network_refill: Duration,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            account_failures: 10,
            account_limit: 100,
            first_wait: Duration::from_secs(5),
            longest_wait: Duration::from_mins(15),
            device_failures: 10,
            network_failures: 100,
            network_refill: Duration::from_mins(15),
        }
    }
}

/// Of strangers and known devices, NIST SP 800-63B-4 section 3.2.2.
const MOST: u32 = 100;

const DAY: Duration = Duration::from_hours(24);

impl ThrottleConfig {
    /// For all known devices of an account together: enough for the owner when a thief has used up what one of them has.
    pub(crate) fn devices_limit(&self) -> u32 {
        self.device_failures.saturating_mul(2).min(MOST / 2)
    }

    pub(crate) fn strangers_limit(&self) -> u32 {
        self.account_limit.min(MOST.saturating_sub(self.devices_limit()))
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |setting, problem: &str| Err(ConfigError::new(setting, problem));
        if !(1..=MOST).contains(&self.account_limit) {
            return refuse("throttle.account_limit", "is outside 1 to 100 (NIST SP 800-63B-4)");
        }
        if !(1..=self.account_limit).contains(&self.account_failures) {
            return refuse("throttle.account_failures", "is zero or more than the account limit");
        }
        if !(1..=self.account_limit).contains(&self.device_failures) {
            return refuse("throttle.device_failures", "is zero or more than the account limit");
        }
        if self.first_wait < Duration::from_millis(1) || self.first_wait > self.longest_wait {
            return refuse("throttle.first_wait", "is shorter than 1 ms or longer than the longest wait");
        }
        if self.longest_wait > DAY {
            return refuse("throttle.longest_wait", "is longer than a day");
        }
        if !(1..=100_000).contains(&self.network_failures) {
            return refuse("throttle.network_failures", "is outside 1 to 100000");
        }
        if self.network_refill < Duration::from_secs(1) || self.network_refill > DAY {
            return refuse("throttle.network_refill", "is outside 1 second to a day");
        }
        Ok(())
    }
}
