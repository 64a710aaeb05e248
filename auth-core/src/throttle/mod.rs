//! Throttling: limits on guessing passwords, for each account, device and network. The rules and their reasons are on the
//! manual's page on [throttling](crate::manual::throttling).

mod counter;
mod network;

use std::net::IpAddr;

pub(crate) use self::{
    counter::{Counter, Decision, Rule, Subject},
    network::Buckets,
};
use crate::{ClientInfo, Config, clock::duration_millis};

/// The rules in force, and what is counted in memory. Counters of accounts and devices are rows, which instances share.
pub(crate) struct Throttle {
    pub(crate) off: bool,
    pub(crate) account: Rule,
    pub(crate) device: Rule,
    pub(crate) devices: Rule,
    pub(crate) longest_wait: i64,
    /// Wrong passwords, and registrations.
    pub(crate) guesses: Buckets,
    /// Apart from those, so that an office full of ended sessions can still sign in.
    pub(crate) refreshes: Buckets,
    /// Keys that nobody has. Apart from both: what machines try keeps no person out.
    pub(crate) api_keys: Buckets,
}

impl Throttle {
    pub(crate) fn new(config: &Config) -> Self {
        let rules = &config.throttle;
        Self {
            off: config.insecure_no_throttle,
            account: Rule::of_account(config),
            device: Rule::of_device(rules),
            devices: Rule::of_devices(rules),
            longest_wait: duration_millis(rules.longest_wait),
            guesses: Buckets::new(rules),
            refreshes: Buckets::new(rules),
            api_keys: Buckets::new(rules),
        }
    }

    /// The network to count for: none if nothing is counted, or if the host did not say where the client is.
    pub(crate) fn network(&self, client: &ClientInfo) -> Option<IpAddr> {
        client.ip.filter(|_| !self.off).map(ClientInfo::network_of)
    }
}
