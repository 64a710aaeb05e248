//! Which addresses may be asked.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use http::{Uri, uri::Scheme};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use super::HttpError;

/// Where requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Wherever the address leads: it was given by who runs the service.
    Anywhere,
    /// To addresses of the public net, and by https only: somebody else gave the address, who shall not reach what only this machine
    /// can (SSRF).
    Public,
}

impl Reach {
    /// Whether this address may be asked, as far as can be told before its name is looked up.
    ///
    /// # Errors
    /// [`HttpError::NotAllowed`] with the reason.
    pub fn allows(self, uri: &Uri) -> Result<(), HttpError> {
        let refuse = |why| Err(HttpError::NotAllowed(why));
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
            return refuse("it names no host");
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return refuse("it has a user or a password in it");
        }
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        if !is_https && uri.scheme() != Some(&Scheme::HTTP) {
            return refuse("it begins with neither https:// nor http://");
        }
        if self == Self::Anywhere {
            return Ok(());
        }
        if !is_https {
            return refuse("it does not begin with https://");
        }
        match literal(host) {
            Some(address) if !is_public(address) => refuse("it is not of the public net"),
            // Other writings of an IPv4 address than four numbers, which a resolver may take for one.
            None if host.rsplit('.').find(|label| !label.is_empty()).is_none_or(is_number) => {
                refuse("its host is no name")
            }
            _ => Ok(()),
        }
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_number(label: &str) -> bool {
    label.starts_with(|c: char| c.is_ascii_digit())
        && label.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, 'x' | 'X'))
}

/// Whether a host, as it stands in an address, is this machine by its name.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || literal(host).is_some_and(|address| address.is_loopback())
}

/// Whether an address is of the public net: none of the special ones of RFC 6890 and its successors, and none that only wraps one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

#[expect(clippy::match_same_arms, reason = "each has a reason of its own")]
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        // This network, private, loopback, multicast and reserved.
        (0 | 10 | 127 | 224.., ..) => true,
        // Between a provider and its customers.
        (100, 64..=127, _) => true,
        // Link-local: there cloud providers tell a machine its secrets.
        (169, 254, _) => true,
        (172, 16..=31, _) | (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4 in IPv6 (RFC 4291), as a translator has it (RFC 6052), and 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        // Protocol assignments with Teredo, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

/// Looks a name up once; what it gives is what is connected to, so that no second answer can lead elsewhere.
#[derive(Clone)]
pub(super) struct Resolver {
    system: GaiResolver,
    reach: Reach,
}

impl Resolver {
    pub(super) fn new(reach: Reach) -> Self {
        Self { system: GaiResolver::new(), reach }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, reach) = (self.system.call(name), self.reach);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            // One that is not public is one too many: a name that has both is not what it seems.
            if reach == Reach::Public && !found.iter().all(|address| is_public(address.ip())) {
                return Err(io::Error::other("the name leads to an address that is not of the public net"));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_to_the_public_net_is_allowed_to_who_is_not_trusted() {
        for url in
            ["https://hooks.example.com/a?b", "https://93.184.216.34/", "https://[2606:4700::1111]:8443/x"]
        {
            assert_eq!(Reach::Public.allows(&url.parse().unwrap()), Ok(()), "{url}");
        }
        for url in [
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "/path",
            "https://user@hooks.example.com/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://10.0.0.1/",
            "https://100.64.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://172.31.255.255/",
            "https://192.168.1.1/",
            "https://0.0.0.0/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:db8::1]/",
            "https://[ff02::1]/",
        ] {
            assert!(Reach::Public.allows(&url.parse().unwrap()).is_err(), "{url}");
        }
        for url in ["http://127.0.0.1:8080/", "http://receiver/", "https://10.0.0.1/"] {
            assert_eq!(Reach::Anywhere.allows(&url.parse().unwrap()), Ok(()), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
        let looked_up = async |reach| Resolver::new(reach).call("localhost".parse().unwrap()).await;
        assert!(looked_up(Reach::Anywhere).await.is_ok());
        assert!(looked_up(Reach::Public).await.is_err());
    }
}
