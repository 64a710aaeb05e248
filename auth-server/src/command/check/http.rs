//! Origins, cookie, proxies: what the program is told of the way between it and browsers.

use std::net::IpAddr;

use auth_core::Finding;

use crate::config::{self, Config, HttpConfig};

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let http = &config.http;
    let own = http.public_url(http.listen.port);
    let mut found = Vec::new();
    if !http.cookie_secure {
        found.push(Finding::warning(
            "cookie_insecure",
            "COOKIE_SECURE is false: browsers send the refresh token in the clear too",
            "remove it wherever there is https; it is for development",
        ));
    }
    found.extend(proxies(http, &own));
    found.extend(browser_door(http));
    let (_, path) = config::split_url(&own);
    if !path.is_empty() {
        found.push(Finding::note(
            "public_url_path",
            format!(
                "PUBLIC_URL has the path {path}: a document of /.well-known/ that others look for at the root of the host is not \
                 ours there, unless the proxy passes it on; one service of a host can have it"
            ),
            "nginx, for each that is needed: `location = /.well-known/jwks.json { proxy_pass http://127.0.0.1:8000; }`",
        ));
    }
    if http.listen.unix_socket.is_some() {
        found.push(Finding::note(
            "socket_clients",
            "UNIX_SOCKET: clients are told apart by X-Forwarded-For alone; where the proxy does not set it, all are throttled as one",
            "nginx: `proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`; the server warns of the first request without",
        ));
    }
    for origin in &http.trusted_origins {
        found.extend(trusted_origin(origin, &own));
    }
    if config.metrics.is_some_and(|address| !is_private(address.ip())) {
        found.push(Finding::note(
            "metrics_public",
            "METRICS_ADDR is open to more than this machine and private networks: whoever reaches it can read it",
            "name an address of a private network, or see that a firewall keeps others out",
        ));
    }
    found
}

fn browser_door(http: &HttpConfig) -> Vec<Finding> {
    let mut found = Vec::new();
    if !http.browser.on {
        return found;
    }
    if http.trusted_proxies.is_empty() && http.listen.unix_socket.is_none() {
        found.push(Finding::warning(
            "browser_door_proxy",
            "BROWSER_DOOR is on and TRUSTED_PROXIES names none: nobody is believed who says which page is asked for, so that nobody \
             comes back to it, and whoever follows a link of another site is refused",
            "name the address of the proxy in TRUSTED_PROXIES",
        ));
    }
    if let Some(domain) = &http.browser.cookie_domain {
        found.push(Finding::warning(
            "browser_cookie_domain",
            format!(
                "BROWSER_COOKIE_DOMAIN is {domain}: every host below it gets the cookie of whoever goes there, and can open with it what \
                 the proxy keeps, or give people another one"
            ),
            "see that all of those hosts are yours and well kept, or put the applications below paths of one host",
        ));
    }
    found
}

fn proxies(http: &HttpConfig, own: &str) -> Option<Finding> {
    let networks = http.trusted_proxies.networks();
    if networks.is_empty() {
        // Where the program itself speaks http, somebody in between speaks https; of one that is not on this machine
        // `plain_http` tells.
        let listen = &http.listen;
        let speaks_http = listen.tls.is_none() && listen.unix_socket.is_none();
        return (speaks_http && config::is_loopback(&listen.host) && config::is_https(own)).then(|| {
            Finding::warning(
                "proxies_missing",
                "PUBLIC_URL is https, so there is a proxy, and TRUSTED_PROXIES names none: all clients have its address, \
                 and are throttled as one",
                "name the address or network of the proxy in TRUSTED_PROXIES",
            )
        });
    }
    networks.iter().find(|network| is_wide(network.addr(), network.prefix_len())).map(|network| {
        Finding::warning(
            "proxies_too_wide",
            format!(
                "TRUSTED_PROXIES has {network}, in which others have addresses too: whoever connects from there can \
                 claim any address, and is not throttled"
            ),
            "name only the addresses of your proxies",
        )
    })
}

/// Whether a network is larger than any company's: a service in front of many, as of a CDN, is told by smaller ones.
fn is_wide(address: IpAddr, bits: u8) -> bool {
    let (most, private_bits) = match address {
        IpAddr::V4(_) => (8, 8),
        IpAddr::V6(_) => (16, 7),
    };
    bits <= most && !(bits >= private_bits && is_private(address))
}

/// Of this machine, a link, or a network that no router of the open net knows (RFC 1918, 4193, 6598).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn trusted_origin(origin: &str, own: &str) -> Option<Finding> {
    if is_http_elsewhere(origin) {
        return Some(Finding::warning(
            "trusted_origin_http",
            format!(
                "TRUSTED_ORIGINS has {origin}: whoever is on the way to it can change its pages and act as the user"
            ),
            "use https there too",
        ));
    }
    let same = config::is_https(origin) == config::is_https(own)
        && may_be_same_site(config::host_of(origin), config::host_of(own));
    (!same).then(|| {
        Finding::warning(
            "trusted_origin_other_site",
            format!(
                "TRUSTED_ORIGINS has {origin}, which is another site than {own}: its pages can sign in, and cannot refresh, as \
                 browsers keep the SameSite cookie back"
            ),
            "serve both under one domain, or let that site's own server call",
        )
    })
}

pub(super) fn is_http_elsewhere(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    !config::is_loopback(config::host_of(rest.split('/').next().unwrap_or(rest)))
}

/// Two hosts of one site share its last two labels. That those of a country have sites of three (`co.uk`) only a list of
/// them all would tell: there this says nothing too often, and never the wrong thing.
fn may_be_same_site(one: &str, other: &str) -> bool {
    let is_address = |host: &str| host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    if is_address(one) || is_address(other) {
        return one == other;
    }
    let end = |host: &str| {
        let mut labels: Vec<String> = host.rsplit('.').take(2).map(str::to_ascii_lowercase).collect();
        labels.reverse();
        labels.join(".")
    };
    end(one) == end(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_site_are_known_and_none_is_taken_for_another_site_by_mistake() {
        for (one, other) in [
            ("app.example.com", "auth.example.com"),
            ("example.com", "auth.Example.com"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("shop.example.co.uk", "auth.example.co.uk"),
        ] {
            assert!(may_be_same_site(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("app.example.org", "auth.example.com"),
            ("example.com", "com"),
            ("localhost", "127.0.0.1"),
            ("10.1.2.3", "10.9.2.3"),
            ("[::1]", "[::2]"),
        ] {
            assert!(!may_be_same_site(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_network_that_strangers_are_in_is_wide_and_a_private_one_is_not() {
        for (address, bits) in [("0.0.0.0", 0), ("::", 0), ("13.0.0.0", 8), ("10.0.0.0", 7), ("2600::", 12)] {
            assert!(is_wide(address.parse().unwrap(), bits), "{address}/{bits}");
        }
        for (address, bits) in [
            ("10.0.0.0", 8),
            ("127.0.0.0", 8),
            ("fd00::", 8),
            ("fc00::", 7),
            ("104.16.0.0", 13),
            ("2606:4700::", 32),
        ] {
            assert!(!is_wide(address.parse().unwrap(), bits), "{address}/{bits}");
        }
    }

    #[test]
    fn a_page_over_http_elsewhere_is_told_from_one_here() {
        for url in ["http://app.example.com", "http://app.example.com:8080/verify", "http://192.0.2.1/"] {
            assert!(is_http_elsewhere(url), "{url}");
        }
        for url in ["https://app.example.com", "http://localhost:3000/verify", "http://[::1]:3000"] {
            assert!(!is_http_elsewhere(url), "{url}");
        }
    }
}
