use crate::ConfigError;

/// What accounts tell beside their address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProfileConfig {
    /// Whether accounts have profiles. Default `false`: a host that has a table of its own for this needs no second one.
    pub enabled: bool,
    /// Whether there are user names, and people sign in by them as by their address. User names are public. Default `false`.
    pub usernames: bool,
}

impl ProfileConfig {
    pub(super) fn validate(self) -> Result<(), ConfigError> {
        if self.usernames && !self.enabled {
            return Err(ConfigError::new("profile.usernames", "needs profile.enabled"));
        }
        Ok(())
    }
}
