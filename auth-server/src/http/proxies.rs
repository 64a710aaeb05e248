//! The true address of a client behind proxies.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::HeaderMap;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// The networks whose `X-Forwarded-For` is believed; none by default (ASVS 4.1.3, 15.3.4).
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies {
    networks: Arc<[IpNet]>,
    /// Whether they say of each connection whose it is, before its first byte (PROXY protocol): no header is needed then.
    pub(crate) announce: bool,
    warned: Arc<AtomicBool>,
    warned_of_nobody: Arc<AtomicBool>,
}

impl TrustedProxies {
    /// Reads a comma list of addresses and networks.
    ///
    /// # Errors
    /// A problem in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let networks: Option<Vec<IpNet>> =
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(parse_network).collect();
        let problem = "is not a comma list of networks; write it like 10.0.0.2,192.168.7.0/28,fd00::2";
        Ok(Self { networks: networks.ok_or(problem)?.into(), ..Self::default() })
    }

    /// The address that a request comes from: the last one in the chain that is not one of our proxies. What
    /// stands further left was written by that client or by somebody unknown. `None` is one that came through the file of a
    /// socket, and is known by no address.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer.map(|peer| peer.to_canonical());
        if !headers.contains_key(X_FORWARDED_FOR) {
            return client;
        }
        if !self.announce && !self.trusts(client) && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "X-Forwarded-For of a peer outside TRUSTED_PROXIES is ignored: if this is the proxy, every client \
                 appears with its address, and all are throttled as one; add it there. Said once"
            );
        }
        let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        for line in lines.into_iter().rev() {
            for hop in line.to_str().unwrap_or("?").rsplit(',') {
                if !self.trusts(client) {
                    return client;
                }
                match parse_hop(hop.trim()) {
                    Some(address) => client = Some(address),
                    None => return client,
                }
            }
        }
        client
    }

    /// The address of a client that came through the file of a socket, and of whom nobody says who it is: all of them are
    /// one network, so that they are throttled together and not at all.
    pub(crate) fn nobody(&self, path: &str) -> IpAddr {
        // Whoever asks for our health is no client.
        if !path.starts_with("/health/") && !self.warned_of_nobody.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request came through the socket without an address in X-Forwarded-For: all such clients are throttled as \
                 one; let the proxy set it. Said once"
            );
        }
        Ipv4Addr::UNSPECIFIED.into()
    }

    pub(crate) fn networks(&self) -> &[IpNet] {
        &self.networks
    }

    /// Whether a connection of this peer begins with a header of the PROXY protocol. What a stranger sends is never read so.
    pub(crate) fn announces(&self, peer: Option<IpAddr>) -> bool {
        self.announce && self.trusts(peer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whoever may open the file of our socket is trusted (`None`): its mode decides who that is.
    pub(crate) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let names = |address: &IpAddr| self.networks.iter().any(|network| network.contains(address));
        peer.is_none_or(|peer| {
            let peer = peer.to_canonical();
            // This machine has two addresses, and a proxy that is told `localhost` comes from the one that it likes.
            if LOOPBACK.contains(&peer) { LOOPBACK.iter().any(names) } else { names(&peer) }
        })
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.networks.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

/// Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse().map(|socket: SocketAddr| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// An address alone is a network of one.
fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let client = TrustedProxies::parse(trusted).unwrap().client(peer.parse().ok(), &headers);
        client.map_or_else(String::new, |client| client.to_string())
    }

    #[test]
    fn the_chain_is_walked_from_the_right_and_only_over_trusted_proxies() {
        let cases: &[(&str, &str, &[&str], &str)] = &[
            ("", "192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.0/8", "192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("10.0.0.0/8", "10.1.2.3", &[], "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.0/8", "10.1.2.3", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.0/8", "10.1.2.3", &["1.1.1.1", "198.51.100.7, 10.9.9.9"], "198.51.100.7"),
            ("10.0.0.0/8", "10.1.2.3", &["10.7.7.7, 10.9.9.9"], "10.7.7.7"),
            ("10.0.0.0/8", "10.1.2.3", &["198.51.100.7, garbage"], "10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("::1,fd00::/8", "fd12::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("0.0.0.0/0", "10.1.2.3", &["1.1.1.1, 2.2.2.2"], "1.1.1.1"),
            ("", "a socket", &[], ""),
            ("", "a socket", &["garbage"], ""),
            ("", "a socket", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.0/8", "a socket", &["1.1.1.1, 198.51.100.7, 10.9.9.9"], "198.51.100.7"),
        ];
        for (trusted, peer, forwarded, expected) in cases {
            assert_eq!(client(trusted, peer, forwarded), *expected, "{trusted} {peer} {forwarded:?}");
        }
    }

    #[test]
    fn who_trusts_one_address_of_this_machine_trusts_the_other() {
        for trusted in ["127.0.0.1", "::1", "127.0.0.0/8"] {
            for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(client(trusted, peer, &["198.51.100.7"]), "198.51.100.7", "{trusted} {peer}");
            }
        }
        // Another address of this machine has to be named.
        assert_eq!(client("127.0.0.1", "127.0.0.2", &["198.51.100.7"]), "127.0.0.2");
        assert_eq!(client("10.0.0.0/8", "::1", &["198.51.100.7"]), "::1");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["10.0.0.0/33", "::/129", "example.com", "10.0.0.0/", "10.0.0", "10.0.0.0/-1", "*"] {
            assert!(TrustedProxies::parse(text).is_err(), "{text}");
        }
        assert!(TrustedProxies::parse(" 10.0.0.1 , ::1, ").is_ok());
    }
}
