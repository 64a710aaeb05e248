//! The rules for new passwords.

use std::{net::IpAddr, sync::Arc};

use auth_core::password::BreachList;

use super::{reader::Reader, value};
use crate::error::SettingError;

/// Fills in the rules, and opens the list of breached passwords if there is one.
pub(super) fn read_passwords(
    reader: &mut Reader,
    auth: &mut auth_core::Config,
    public_url: Option<&str>,
) -> Result<Option<Arc<BreachList>>, SettingError> {
    auth.passwords.min_length = reader.number("PASSWORD_MIN_LENGTH", auth.passwords.min_length, 8, 64)?;
    auth.passwords.context_words = reader.setting(
        "PASSWORD_CONTEXT_WORDS",
        Vec::new(),
        |text| Ok(text.split(',').map(|word| word.trim().to_owned()).collect()),
        |words: &Vec<String>| words.join(","),
    )?;
    auth.passwords.context_words.extend(words_of_host(public_url.map_or("", value::host_of)));
    let list = reader.setting(
        "BREACHED_PASSWORDS",
        None,
        |path| match BreachList::open(path) {
            Ok(list) => Ok(Some(Arc::new(list))),
            Err(error) => Err(error.problem().to_owned()),
        },
        |list| list.as_ref().map_or_else(String::new, |list| list.path().display().to_string()),
    )?;
    auth.passwords.breach_check_required =
        reader.setting("BREACHED_PASSWORDS_REQUIRED", false, value::boolean, ToString::to_string)?;
    if auth.passwords.breach_check_required && list.is_none() {
        let problem = "is true without a list; set BREACHED_PASSWORDS, or remove it";
        return Err(SettingError::new("BREACHED_PASSWORDS_REQUIRED", problem));
    }
    Ok(list)
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
