//! What the browser door of a service is set up with.

use std::net::IpAddr;

use auth_core::{Destination, destination, is_public_suffix};

use crate::{
    ConfigError, OriginPolicy,
    cross_origin::split_port,
    transport::{BrowserCookie, Cookies},
};

const SETTING: &str = "browser_door";
const DOMAIN: &str = "browser_cookie_domain";

/// The door for applications that know nothing of users: `GET /verify/browser`, for a proxy that asks there before it lets a request
/// through, and the cookie that it goes by. For
/// [`AuthServiceBuilder::browser_door`](crate::AuthServiceBuilder::browser_door); the manual has a
/// [page](auth_core::manual::browser_door) on it.
#[derive(Debug, Clone)]
#[must_use = "give it to AuthServiceBuilder::browser_door"]
pub struct BrowserDoor {
    sign_in: String,
    step_up: Option<String>,
    cookie_domain: Option<String>,
}

impl BrowserDoor {
    /// With the page where people sign in, who come back by its parameter `redirect_to`: a path of the public URL's origin, or an address
    /// there or of a trusted origin. That of [`AccountPages`](https://docs.rs/auth-tower/latest/auth_tower/struct.AccountPages.html) is
    /// `/account/sign-in`.
    pub fn new(sign_in: &str) -> Self {
        Self { sign_in: sign_in.to_owned(), step_up: None, cookie_domain: None }
    }

    /// The page where whoever is signed in shows once more who they are, for `?acr=` and `?max_age=`; without it they are refused. That
    /// of the pages is `/account/confirm`.
    pub fn step_up(mut self, page: &str) -> Self {
        self.step_up = Some(page.to_owned());
        self
    }

    /// A domain, all hosts of which get the cookie, `example.com`: then the trusted origins below it are served too, and not only the
    /// host of the public URL. Whoever has one of those hosts has the cookie of everybody who goes there. Default: none.
    pub fn cookie_domain(mut self, domain: &str) -> Self {
        self.cookie_domain = Some(domain.to_owned());
        self
    }

    pub(crate) fn build(self, origins: &OriginPolicy, cookies: Cookies) -> Result<Door, ConfigError> {
        let address = |page: &str| match destination(page, origins.origins()) {
            Some(Destination::Path) => Ok(format!("{}{page}", origins.public_url())),
            Some(Destination::Page(_)) => Ok(page.to_owned()),
            None => {
                Err(ConfigError::new(SETTING, "names a page that is no path, and of no origin that is known"))
            }
        };
        let own = authority_of(origins.public_url()).to_owned();
        let domain = match self.cookie_domain {
            Some(domain) => Some(domain_above(&domain, &own, cookies)?),
            None => None,
        };
        let is_served = |origin: &&str| {
            domain.as_deref().is_some_and(|domain| {
                origin.starts_with("http") && is_within(split_port(authority_of(origin)).0, domain)
            })
        };
        Ok(Door {
            sign_in: address(&self.sign_in)?,
            step_up: self.step_up.as_deref().map(address).transpose()?,
            others: origins.origins().skip(1).filter(is_served).map(str::to_owned).collect(),
            own,
            cookie: BrowserCookie::beside(cookies, domain),
        })
    }
}

/// The door of a service.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) cookie: BrowserCookie,
    pub(super) sign_in: String,
    pub(super) step_up: Option<String>,
    /// Host and port of the public URL.
    own: String,
    /// Origins that get the cookie too.
    others: Vec<String>,
}

/// A host, as far as the door is concerned.
pub(super) enum Host<'a> {
    Own,
    /// Of this origin.
    Other(&'a str),
    NotKept,
}

impl Door {
    /// By host and port, whether by http or https: what a proxy behind another one takes for the scheme says little.
    pub(super) fn host(&self, authority: &str) -> Host<'_> {
        let authority = authority.to_ascii_lowercase();
        let bare = [":443", ":80"].iter().find_map(|port| authority.strip_suffix(port)).unwrap_or(&authority);
        if let Some(other) = self.others.iter().find(|other| authority_of(other) == bare) {
            return Host::Other(other);
        }
        // Cookies know no ports.
        if split_port(bare).0 == split_port(&self.own).0 { Host::Own } else { Host::NotKept }
    }
}

fn authority_of(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, authority)| authority)
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// The domain in lower case, if browsers let the host set a cookie for it.
fn domain_above(domain: &str, own: &str, cookies: Cookies) -> Result<String, ConfigError> {
    let refuse = |problem| Err(ConfigError::new(DOMAIN, problem));
    let domain = domain.to_ascii_lowercase();
    let is_name = domain.contains('.') && domain.parse::<IpAddr>().is_err() && !domain.starts_with('.');
    if !is_name || is_public_suffix(&domain) {
        return refuse("must be a domain of somebody's, like example.com");
    }
    if !is_within(split_port(own).0, &domain) {
        return refuse("must be the host of public_url or a domain above it");
    }
    if !cookies.are_secure() {
        return refuse("cannot be used with insecure_cookie");
    }
    Ok(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(domain: Option<&str>) -> Result<Door, ConfigError> {
        let origins = OriginPolicy::new("https://auth.example.com").unwrap();
        let origins =
            ["https://wiki.example.com", "https://wiki.example.com:8443", "https://app.example.org"]
                .iter()
                .fold(origins, |origins, origin| origins.trust(origin).unwrap());
        let door = BrowserDoor::new("/account/sign-in");
        let door = domain.into_iter().fold(door, BrowserDoor::cookie_domain);
        door.build(&origins, Cookies::SECURE)
    }

    fn named(door: &Door, authority: &str) -> String {
        match door.host(authority) {
            Host::Own => "own".to_owned(),
            Host::Other(origin) => origin.to_owned(),
            Host::NotKept => "not kept".to_owned(),
        }
    }

    #[test]
    fn another_host_is_kept_only_below_a_cookie_domain_and_where_it_is_trusted() {
        let alone = door(None).unwrap();
        for (authority, expected) in [
            ("auth.example.com", "own"),
            ("AUTH.example.com:443", "own"),
            ("auth.example.com:9999", "own"),
            ("wiki.example.com", "not kept"),
            ("evil.example", "not kept"),
            ("", "not kept"),
        ] {
            assert_eq!(named(&alone, authority), expected, "{authority}");
        }
        let wide = door(Some("Example.com")).unwrap();
        for (authority, expected) in [
            ("auth.example.com", "own"),
            ("wiki.example.com", "https://wiki.example.com"),
            ("wiki.example.com:80", "https://wiki.example.com"),
            ("wiki.example.com:8443", "https://wiki.example.com:8443"),
            ("wiki.example.com:1", "not kept"),
            ("other.example.com", "not kept"),
            ("app.example.org", "not kept"),
            ("evilwiki.example.com", "not kept"),
        ] {
            assert_eq!(named(&wide, authority), expected, "{authority}");
        }
    }

    #[test]
    fn a_domain_for_which_no_browser_would_take_the_cookie_is_refused() {
        for bad in ["com", ".example.com", "example.org", "ample.com", "wiki.example.com", "", "10.0.0.1"] {
            assert_eq!(door(Some(bad)).expect_err(bad).setting(), DOMAIN);
        }
        let origins = OriginPolicy::new("https://auth.example.com").unwrap();
        for bad in ["//evil.example/", "https://evil.example/sign-in", "sign-in", ""] {
            let refused = BrowserDoor::new(bad).build(&origins, Cookies::SECURE).expect_err(bad);
            assert_eq!(refused.setting(), SETTING);
        }
    }
}
