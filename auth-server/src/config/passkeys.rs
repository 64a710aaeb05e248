//! Passkeys: the site that they are for, and the pages that may ask for them. Both follow `PUBLIC_URL` unless they are given; what
//! can be one the rules decide.

use std::net::IpAddr;

use super::{Config, split_url, value};

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
        let (given, host) = (&self.passkeys, &self.http.listen.host);
        // Where only an address to listen on is known, `public_url_missing` tells that.
        let is_guessed = self.http.public_url.is_none() && !value::is_called_localhost(host);
        let is_page = !(is_guessed && host.parse::<IpAddr>().is_ok());
        let mut passkeys = auth_core::PasskeyConfig::for_page(split_url(public_url).0);
        passkeys.refuse_counter = self.auth.passkeys.refuse_counter;
        passkeys.rp_id = given.rp_id.clone().or(passkeys.rp_id.filter(|_| is_page)).filter(|_| given.on);
        if let Some(given) = &given.origins {
            given.clone_into(&mut passkeys.origins);
            return passkeys;
        }
        passkeys.pages_of_the_site(self.http.trusted_origins.iter().map(String::as_str))
    }
}

/// A comma list of pages and apps, which the rules look at. As browsers write a page it has no upper case and no slash at the end; what an app
/// is known by has upper and lower case.
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let written = |item: &str| if item.contains("://") { value::origin(item) } else { Ok(item.to_owned()) };
    items.map(|item| written(item).map_err(|problem| format!("has an entry that {problem}"))).collect()
}
