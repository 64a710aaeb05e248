//! Passkeys: the site that they are for, and the pages that may ask for them. Both follow `PUBLIC_URL` unless they are given.

use std::net::IpAddr;

use super::{Config, host_of, is_https, split_url, value};

/// What was given.
#[derive(Debug)]
pub(crate) struct PasskeyConfig {
    pub(crate) on: bool,
    pub(crate) rp_id: Option<String>,
    pub(crate) origins: Option<Vec<String>>,
}

impl Default for PasskeyConfig {
    fn default() -> Self {
        Self { on: true, rp_id: None, origins: None }
    }
}

impl Config {
    /// What the rules take.
    pub(crate) fn passkeys(&self, public_url: &str) -> auth_core::PasskeyConfig {
        let mut passkeys = self.auth.passkeys.clone();
        passkeys.rp_id = self.rp_id(public_url);
        passkeys.origins = self.passkey_origins(public_url);
        passkeys
    }

    /// `None`: there are no passkeys. Browsers know none on a page that others could change on its way.
    pub(super) fn rp_id(&self, public_url: &str) -> Option<String> {
        let host = host_of(public_url);
        // One that was given is told of; where none was, that is told already.
        let is_address =
            self.http.public_url.is_some() && host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let default = || (is_safe(public_url) || is_address).then(|| host.to_ascii_lowercase());
        let given = &self.passkeys;
        if !given.on {
            return None;
        }
        given.rp_id.clone().or_else(default)
    }

    pub(super) fn passkey_origins(&self, public_url: &str) -> Vec<String> {
        if let Some(given) = &self.passkeys.origins {
            return given.clone();
        }
        let rp_id = self.rp_id(public_url).unwrap_or_default();
        let is_of_site = |origin: &&String| {
            let front = host_of(origin).strip_suffix(&*rp_id);
            is_safe(origin) && front.is_some_and(|front| front.is_empty() || front.ends_with('.'))
        };
        let own = split_url(public_url).0.to_ascii_lowercase();
        let trusted = self.http.trusted_origins.iter().filter(is_of_site).cloned();
        std::iter::once(own).chain(trusted).collect()
    }
}

/// Whether browsers know passkeys on such a page.
fn is_safe(origin: &str) -> bool {
    let host = host_of(origin);
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_https(origin) || (is_local && origin.starts_with("http://"))
}

/// A comma list of pages and apps. What an app is known by has upper and lower case.
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let read = |item: &str| {
        if item.starts_with("android:apk-key-hash:") { Ok(item.to_owned()) } else { value::origin(item) }
    };
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| read(item).map_err(|problem| format!("has an entry that {problem}"))).collect()
}
