//! The rules for new passwords.

use std::{net::IpAddr, sync::Arc};

use auth_core::password::BreachList;

use super::{Config, value};
use crate::error::SettingError;

/// Opens the list of breached passwords.
pub(super) fn list(path: &str) -> Result<Arc<BreachList>, String> {
    BreachList::open(path).map(Arc::new).map_err(|error| error.problem().to_owned())
}

/// Holds the settings of passwords against each other.
pub(super) fn agree(config: &mut Config) -> Result<(), SettingError> {
    if config.auth.passwords.breach_check_required && config.breached.is_none() {
        let problem = "is true without a list; set BREACHED_PASSWORDS, or remove it";
        return Err(SettingError::new("BREACHED_PASSWORDS_REQUIRED", problem));
    }
    let host = config.http.public_url.as_deref().map_or("", value::host_of);
    config.auth.passwords.context_words.extend(words_of_host(host));
    Ok(())
}

/// Each label but the last, which is a country or `com`, and the name with fewer and fewer of them.
fn words_of_host(host: &str) -> Vec<String> {
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Vec::new();
    }
    let mut words = Vec::new();
    let mut name = host;
    while let Some((label, rest)) = name.split_once('.') {
        words.extend([name.to_owned(), label.to_owned()]);
        name = rest;
    }
    // A name of one label, as in a network of one's own.
    if words.is_empty() {
        words.push(host.to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_gives_its_labels_and_domains_and_an_address_nothing() {
        assert_eq!(words_of_host("auth.example.com"), ["auth.example.com", "auth", "example.com", "example"]);
        assert_eq!(words_of_host("intranet"), ["intranet"]);
        assert!(words_of_host("127.0.0.1").is_empty() && words_of_host("[::1]").is_empty());
    }
}
