//! The rules for new passwords (NIST SP 800-63B-4 section 3.1.1.2; ASVS 6.2): length, not a common one, not
//! the own address, no word of the context alone, not known from a leak. No composition rules, no truncation.

use std::sync::Arc;

use super::{
    breach::{BreachChecker, Breaches},
    common::is_common,
    context::Word,
};
use crate::{Config, FieldError, Password, email::Email};

/// More code points than any person types; bounds the work of normalising and hashing.
const MAX_LENGTH: usize = 256;

pub(crate) struct PasswordPolicy {
    min_length: usize,
    context: Vec<Word>,
    breaches: Option<Breaches>,
    breach_check_required: bool,
}

impl PasswordPolicy {
    pub(crate) fn new(config: &Config, checker: Option<Arc<dyn BreachChecker>>) -> Self {
        Self {
            min_length: config.passwords.min_length,
            context: config.passwords.context_words.iter().filter_map(|word| Word::new(word)).collect(),
            breaches: checker.map(Breaches::new),
            breach_check_required: config.passwords.breach_check_required,
        }
    }

    /// Checks a new password in its normalised form, wherever one is set. Asks nobody whether the address has an account,
    /// so the work is the same for all.
    pub(crate) async fn validate(
        &self,
        password: &Password,
        email: Option<&Email>,
    ) -> Result<(), FieldError> {
        self.validate_rules(password.expose(), email)?;
        self.validate_unleaked(password).await
    }

    /// The part that asks others, and is to be counted: a list, or a checker of the host's own.
    pub(crate) async fn validate_unleaked(&self, password: &Password) -> Result<(), FieldError> {
        let Some(breaches) = &self.breaches else { return Ok(()) };
        match breaches.know(password).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(refuse("breached", "is known from a leak: whoever guesses has it on a list")),
            Err(error) if self.breach_check_required => {
                // A host's own error may say what was asked for.
                tracing::warn!(
                    "a new password was refused, as the breach list cannot be read: {}",
                    error.kind()
                );
                Err(refuse("not_checked", "cannot be checked at the moment; try again later"))
            }
            Err(error) => {
                tracing::warn!(
                    "a new password was taken unchecked: the breach list cannot be read: {}",
                    error.kind()
                );
                Ok(())
            }
        }
    }

    /// The part that asks nobody.
    pub(crate) fn validate_rules(&self, text: &str, email: Option<&Email>) -> Result<(), FieldError> {
        let length = text.chars().take(MAX_LENGTH + 1).count();
        if length < self.min_length {
            return Err(refuse("too_short", &format!("needs at least {} characters", self.min_length)));
        }
        if length > MAX_LENGTH {
            return Err(refuse("too_long", &format!("may have at most {MAX_LENGTH} characters")));
        }
        let lower = text.to_lowercase();
        if is_common(&lower) {
            return Err(refuse("too_common", "is on the list of common passwords"));
        }
        let is_address =
            |email: &Email| Email::parse(text).is_ok_and(|typed| typed.normalized() == email.normalized());
        if email.is_some_and(is_address) {
            return Err(refuse("same_as_email", "may not be the address"));
        }
        let local = email.and_then(|email| email.normalized().split_once('@'));
        let local = local.and_then(|(local, _)| Word::new(local));
        if self.context.iter().chain(&local).any(|word| word.is_all_of(text)) {
            return Err(refuse("context_word", "may not be just the name of the service or of the account"));
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
        let words = vec!["Acme Cloud".to_owned(), "io".to_owned()];
        let mut config = Config::default();
        config.passwords.context_words = words;
        let policy = PasswordPolicy::new(&config, None);
        let email = Email::parse("Ada.Lovelace@Example.com").unwrap();
        policy.validate_rules(password, Some(&email)).err().map(|error| error.code)
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
        for password in
            ["password", "PassWord", "iloveyou", "baseball1", "qwertyuiop", "liverpoo", "UsuckBallz1"]
        {
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
    fn the_name_of_service_and_account_is_refused_and_only_as_a_whole() {
        for password in ["AcmeCloud", "acme-cloud-2026", "adalovelace", "Ada.Lovelace1815", "ada_lovelace!!!"]
        {
            assert_eq!(code(password), Some("context_word"), "{password}");
        }
        for password in ["I like acme cloud", "ada and lovelace", "lovelace-1815", "io-io-io-io-io"] {
            assert_eq!(code(password), None, "{password}");
        }
    }
}
