use crate::ConfigError;

/// What a new password has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordConfig {
    /// Least length of a new password in Unicode code points. Default 8; 15 where the password is the only
    /// factor and NIST SP 800-63B-4 applies.
    pub min_length: usize,
    /// Words that may not be all of a new password, alone, repeated or with digits around: the names of the service and of
    /// who runs it; the manual's page on [passwords](crate::manual::passwords) has the exact rule. Default: none. What is
    /// before the `@` of the own address is always one.
    pub context_words: Vec<String>,
    /// Refuses new passwords while the breach list cannot be read
    /// ([`AuthBuilder::breach_checker`](crate::AuthBuilder::breach_checker)). Default `false`: they are taken, and a warning
    /// is logged.
    pub breach_check_required: bool,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        Self { min_length: 8, context_words: Vec::new(), breach_check_required: false }
    }
}

impl PasswordConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(8..=64).contains(&self.min_length) {
            return Err(ConfigError::new("passwords.min_length", "is outside 8 to 64 (NIST SP 800-63B-4)"));
        }
        Ok(())
    }
}
