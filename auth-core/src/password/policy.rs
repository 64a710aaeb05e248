//! The rules for new passwords (NIST SP 800-63B-4 section 3.1.1.2; ASVS 6.2): length, not a common one, not
//! the own address. No composition rules, no truncation.

use std::sync::LazyLock;

use crate::{Config, FieldError, Password, email::Email};

/// More code points than any person types; bounds the work of normalising and hashing.
const MAX_LENGTH: usize = 256;

/// Sorted; the passwords that lists of leaked ones put first. Source and licence are in the file beside it.
static COMMON: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

pub(crate) struct PasswordPolicy {
    min_length: usize,
}

impl PasswordPolicy {
    pub(crate) fn new(config: &Config) -> Self {
        Self { min_length: config.password_min_length }
    }

    /// Checks a password in its normalised form.
    pub(crate) fn check(&self, password: &Password, email: Option<&Email>) -> Result<(), FieldError> {
        let text = password.expose();
        let length = text.chars().take(MAX_LENGTH + 1).count();
        if length < self.min_length {
            return Err(refuse("too_short", &format!("needs at least {} characters", self.min_length)));
        }
        if length > MAX_LENGTH {
            return Err(refuse("too_long", &format!("may have at most {MAX_LENGTH} characters")));
        }
        let lower = text.to_lowercase();
        if COMMON.binary_search(&lower.as_str()).is_ok() {
            return Err(refuse("too_common", "is on the list of common passwords"));
        }
        let is_address =
            |email: &Email| Email::parse(text).is_ok_and(|typed| typed.normalized() == email.normalized());
        if email.is_some_and(is_address) {
            return Err(refuse("same_as_email", "may not be the address"));
        }
        Ok(())
    }
}

fn refuse(code: &'static str, rule: &str) -> FieldError {
    FieldError::new("password", code, format!("the password {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(password: &str) -> Option<&'static str> {
        let policy = PasswordPolicy::new(&Config::default());
        let email = Email::parse("Ada.Lovelace@Example.com").unwrap();
        policy.check(&password.into(), Some(&email)).err().map(|error| error.code)
    }

    #[test]
    fn length_counts_code_points() {
        assert_eq!(code("1234567"), Some("too_short"));
        assert_eq!(code("äöüßÄÖÜ"), Some("too_short"));
        assert_eq!(code("äöüßÄÖÜẞ"), None);
        assert_eq!(code(&"🦀".repeat(256)), None);
        assert_eq!(code(&"🦀".repeat(257)), Some("too_long"));
    }

    #[test]
    fn there_are_no_composition_rules() {
        for password in [
            "hjklqwplkjzxnbvmwqer",
            "84957201938475620193",
            "    x       y   ",
            "🦀🦀🦀🦀🦀🦀🦀🦀",
            "nul\0inside it",
        ] {
            assert_eq!(code(password), None, "{password:?}");
        }
    }

    #[test]
    fn a_common_password_is_refused_in_any_case_and_only_as_a_whole() {
        for password in ["password", "PassWord", "iloveyou", "baseball1", "qwertyuiop"] {
            assert_eq!(code(password), Some("too_common"), "{password}");
        }
        assert_eq!(code("password of a poet"), None);
    }

    #[test]
    fn the_own_address_is_refused_whatever_its_case_and_margins() {
        for password in ["Ada.Lovelace@Example.com", " ada.lovelace@example.com ", "ADA.LOVELACE@EXAMPLE.COM"]
        {
            assert_eq!(code(password), Some("same_as_email"), "{password}");
        }
    }

    #[test]
    fn the_list_is_sorted_so_that_every_entry_is_found() {
        assert!(COMMON.is_sorted());
        assert!(COMMON.len() > 3000, "ASVS 6.2.4 asks for the top 3000");
        assert!(COMMON.iter().all(|entry| entry.to_lowercase() == **entry && entry.chars().count() >= 8));
    }
}
