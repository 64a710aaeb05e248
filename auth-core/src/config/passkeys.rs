use std::net::IpAddr;

use crate::ConfigError;

/// Passkeys (WebAuthn Level 3): the site that they are for, and the pages that may ask for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasskeyConfig {
    /// The name of the site, as `example.com`: each passkey is of use there only, so a change strands those that there are. `None`:
    /// there are no passkeys. Nor are there for an IP address or a public suffix, which browsers refuse. Default `None`.
    pub rp_id: Option<String>,
    /// The pages that may ask for a passkey, compared to the letter: `https://example.com`, with its port if it is another than
    /// the usual, `http` on `localhost` only. Those that are no part of the site are related origins: browsers look for them at
    /// `https://RP_ID/.well-known/webauthn`. An app is `android:apk-key-hash:` and what belongs to it. One of them has to be a page of the site.
    pub origins: Vec<String>,
    /// Refuses a passkey whose counter does not go up, which may be a copy, rather than telling its owner. Authenticators that
    /// keep passkeys on several devices have none. Default `false`.
    pub refuse_counter: bool,
}

/// Why a name cannot be an RP id. Browsers refuse both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    IpAddress,
    /// Others have sites below it too, so it is nobody's.
    PublicSuffix,
}

impl Unfit {
    fn of(rp_id: &str) -> Option<Self> {
        let bare = rp_id.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return Some(Self::IpAddress);
        }
        (!is_local(rp_id) && psl::domain_str(rp_id).is_none()).then_some(Self::PublicSuffix)
    }
}

/// Whether others have sites below this host too, as below `co.uk` or `github.io`: browsers set no cookie for all of them.
pub fn is_public_suffix(host: &str) -> bool {
    Unfit::of(host) == Some(Unfit::PublicSuffix)
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

impl PasskeyConfig {
    /// Passkeys for the site of a page, `https://app.example.com`: its host is the site. None where browsers know no passkeys, on
    /// `http` that is not `localhost`; an IP address is kept, so that a [check](crate::Auth::check) tells of it.
    ///
    /// ```
    /// use auth_core::PasskeyConfig;
    ///
    /// let passkeys = PasskeyConfig::for_page("https://example.com").pages_of_the_site(["https://app.example.com"]);
    /// assert_eq!(passkeys.rp_id.as_deref(), Some("example.com"));
    /// assert_eq!(passkeys.origins, ["https://example.com", "https://app.example.com"]);
    /// assert_eq!(PasskeyConfig::for_page("http://example.com").rp_id, None);
    /// ```
    pub fn for_page(origin: &str) -> Self {
        let origin = origin.to_ascii_lowercase();
        let host = host_of(&origin).unwrap_or_default();
        let is_possible = is_safe(&origin, host) || Unfit::of(host) == Some(Unfit::IpAddress);
        let rp_id = is_possible.then(|| host.to_owned());
        Self { rp_id, origins: vec![origin], refuse_counter: false }
    }

    /// Adds those of some pages to [`origins`](Self::origins) that are of the site.
    pub fn pages_of_the_site<'a>(mut self, pages: impl IntoIterator<Item = &'a str>) -> Self {
        let site = self.rp_id.as_deref().unwrap_or_default();
        let is_of_site =
            |page: &&str| host_of(page).is_some_and(|host| is_safe(page, host) && is_within(host, site));
        let pages: Vec<String> = pages.into_iter().filter(is_of_site).map(str::to_owned).collect();
        self.origins.extend(pages);
        self
    }

    /// The name of the site, if there can be passkeys for it.
    pub(crate) fn site(&self) -> Option<&str> {
        self.rp_id.as_deref().filter(|rp_id| Unfit::of(rp_id).is_none())
    }

    pub(crate) fn unfit(&self) -> Option<Unfit> {
        self.rp_id.as_deref().and_then(Unfit::of)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let Some(rp_id) = self.rp_id.as_deref() else { return Ok(()) };
        let is_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-:[]".contains(&c);
        if !(1..=253).contains(&rp_id.len()) || !rp_id.bytes().all(is_name) {
            let problem = "is no name of a host in small letters, without scheme, port and path";
            return Err(ConfigError::new("passkeys.rp_id", problem));
        }
        let Some(site) = self.site() else { return Ok(()) };
        if !self.origins.iter().all(|origin| is_origin(origin)) {
            let problem = "has an entry that is no page and no app: write https://HOST or http://localhost, each with a port if need be, \
                           or android:apk-key-hash:HASH";
            return Err(ConfigError::new("passkeys.origins", problem));
        }
        if !self.origins.iter().filter_map(|origin| host_of(origin)).any(|host| is_within(host, site)) {
            let problem = format!("has no page of `{site}` (passkeys.rp_id): no passkey could be made");
            return Err(ConfigError::new("passkeys.origins", problem));
        }
        Ok(())
    }
}

fn is_origin(origin: &str) -> bool {
    if let Some(hash) = origin.strip_prefix("android:apk-key-hash:") {
        return !hash.is_empty() && hash.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    }
    let Some(host) = host_of(origin) else { return false };
    let rest = origin.split_once("://").map_or("", |(_, rest)| rest);
    let port = rest.strip_prefix(host).unwrap_or_default();
    let is_host = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b".-".contains(&c);
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    !host.is_empty() && host.bytes().all(is_host) && is_port && is_safe(origin, host)
}

/// Whether browsers know passkeys on such a page: on none that others could change on its way.
fn is_safe(origin: &str, host: &str) -> bool {
    origin.starts_with("https://") || is_local(host)
}

/// Of an origin of the web; one of an app has none.
pub(crate) fn host_of(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    let address = rest.split_inclusive(']').next().filter(|address| address.starts_with('['));
    Some(address.or_else(|| rest.split(':').next()).unwrap_or(rest))
}

/// Whether a host is the site itself or below it.
pub(crate) fn is_within(host: &str, site: &str) -> bool {
    host.strip_suffix(site).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_and_no_public_suffix_can_be_an_rp_id() {
        for (name, unfit) in [
            ("example.org", None),
            ("login.example.co.uk", None),
            ("localhost", None),
            ("app.localhost", None),
            ("127.0.0.1", Some(Unfit::IpAddress)),
            ("[::1]", Some(Unfit::IpAddress)),
            ("org", Some(Unfit::PublicSuffix)),
            ("co.uk", Some(Unfit::PublicSuffix)),
            ("github.io", Some(Unfit::PublicSuffix)),
            ("intranet", Some(Unfit::PublicSuffix)),
        ] {
            assert_eq!(Unfit::of(name), unfit, "{name}");
        }
    }

    #[test]
    fn a_page_says_which_site_it_is_and_which_other_pages_are_of_it() {
        for (page, rp_id) in [
            ("https://Example.org:8443", Some("example.org")),
            ("http://localhost:8000", Some("localhost")),
            ("http://app.localhost", Some("app.localhost")),
            ("http://example.org", None),
            // Kept, and told of.
            ("http://127.0.0.1:8000", Some("127.0.0.1")),
            ("https://[::1]:8000", Some("[::1]")),
            ("capacitor://localhost", None),
        ] {
            let passkeys = PasskeyConfig::for_page(page);
            assert_eq!(passkeys.rp_id.as_deref(), rp_id, "{page}");
            assert_eq!(passkeys.origins, [page.to_ascii_lowercase()]);
            assert_eq!(passkeys.validate(), Ok(()), "{page}");
        }
        let passkeys = PasskeyConfig::for_page("https://example.org").pages_of_the_site([
            "https://app.example.org",
            "http://app.example.org",
            "https://badexample.org",
            "capacitor://localhost",
        ]);
        assert_eq!(passkeys.origins, ["https://example.org", "https://app.example.org"]);
    }

    #[test]
    fn origins_are_held_to_their_form_and_to_the_site() {
        let validate = |rp_id: &str, origins: &[&str]| {
            let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
            let config = PasskeyConfig { rp_id: Some(rp_id.to_owned()), origins, refuse_counter: false };
            config.validate().map_err(|error| error.to_string())
        };
        for (rp_id, origins) in [
            ("example.org", &["https://example.org"][..]),
            (
                "example.org",
                &["https://app.example.org:8443", "https://example.com", "android:apk-key-hash:AA-_"],
            ),
            ("localhost", &["http://localhost:8000"]),
            // Not on, so not looked at.
            ("127.0.0.1", &[]),
        ] {
            assert_eq!(validate(rp_id, origins), Ok(()), "{rp_id} {origins:?}");
        }
        for (rp_id, origins, named) in [
            ("example.org", &[][..], "passkeys.origins"),
            ("example.org", &["https://badexample.org"], "passkeys.origins"),
            ("example.org", &["android:apk-key-hash:AA"], "passkeys.origins"),
            ("example.org", &["http://example.org"], "passkeys.origins"),
            ("example.org", &["https://example.org/"], "passkeys.origins"),
            ("example.org", &["https://example.org:99999"], "passkeys.origins"),
            ("example.org", &["https://Example.org"], "passkeys.origins"),
            ("example.org", &["https://example.org", "null"], "passkeys.origins"),
            ("https://example.org", &["https://example.org"], "passkeys.rp_id"),
            ("", &["https://example.org"], "passkeys.rp_id"),
        ] {
            let refused = validate(rp_id, origins);
            assert!(
                refused.as_ref().is_err_and(|error| error.contains(named)),
                "{rp_id} {origins:?}: {refused:?}"
            );
        }
    }
}
