//! What connections may take, and how many of them each network holds, so that one client cannot take every place.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_core::ClientInfo;

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at once; more wait in the system's queue.
    pub(crate) connections: usize,
    /// Connections at once of one network that is no proxy of ours; one more is closed unanswered.
    pub(crate) per_network: usize,
    /// How long the TLS handshake, the first bytes, the headers of a request, or the next request may be awaited.
    pub(crate) header: Duration,
    /// How long a connection may last; then it ends after the request in hand. Without this one that answers
    /// pings but asks nothing, or never reads its answers, would stay for ever.
    pub(crate) age: Duration,
    /// How long running requests may take when the connection or the program is told to end.
    pub(crate) grace: Duration,
}

/// Each connection may hold some 100 KiB, and the usual limit of open files is 1024 and more.
pub(crate) const LIMITS: Limits = Limits {
    connections: 1000,
    per_network: 100,
    header: Duration::from_secs(10),
    age: Duration::from_mins(10),
    grace: Duration::from_secs(10),
};

/// Counts connections by network: an IPv4 address, or the /64 that one IPv6 customer has. Holds as many entries as there
/// are connections at most. Clones share the count.
#[derive(Clone)]
pub(crate) struct Crowd {
    most: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place; given back when dropped.
pub(crate) struct Place {
    crowd: Crowd,
    network: IpAddr,
}

impl Crowd {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// `None`: this network has as many connections as it may.
    pub(crate) fn admit(&self, peer: IpAddr) -> Option<Place> {
        let network = ClientInfo::network_of(peer);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.network) {
            match count.get().saturating_sub(1) {
                0 => drop(count.remove()),
                left => *count.get_mut() = left,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_has_its_own_places_and_gets_them_back() {
        let crowd = Crowd::new(2);
        let admit = |peer: &str| crowd.admit(peer.parse().unwrap());
        let places = [admit("192.0.2.1"), admit("::ffff:192.0.2.1")];
        assert!(places.iter().all(Option::is_some));
        assert!(admit("192.0.2.1").is_none(), "however the address is written");
        assert!(admit("192.0.2.2").is_some());
        let one = [admit("2001:db8::1"), admit("2001:db8::2")];
        assert!(one.iter().all(Option::is_some));
        assert!(admit("2001:db8::ffff:1").is_none(), "one customer has a whole /64");
        assert!(admit("2001:db8:0:1::1").is_some());
        drop((places, one));
        assert!(admit("192.0.2.1").is_some());
        assert!(crowd.open.lock().unwrap().is_empty(), "nothing is remembered of those who left");
    }
}
