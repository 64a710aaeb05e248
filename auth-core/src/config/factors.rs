use std::time::Duration;

use crate::{ConfigError, role};

/// Second factors, and proof that is asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactorConfig {
    /// Who may, and who must have a second factor. Default [`Optional`](SecondFactor::Optional).
    pub policy: SecondFactor,
    /// What an authenticator app shows as the service's name. Default `None`:
    /// [`service_name`](crate::MailConfig::service_name).
    pub totp_issuer: Option<String>,
    /// How long ago somebody may have shown who they are for what asks for recent proof, as adding a factor. Default 5
    /// minutes; zero: it is not asked for where there is no second factor.
    pub step_up: Duration,
    /// For how long a device is not asked for a second factor again, where somebody wants it to be remembered. Counts from when
    /// the factor was shown there. Default 30 days; zero: none is remembered.
    pub remember_device: Duration,
    /// Wrong codes of an account after which none is taken until an administrator opens it. Default 100, which is the most
    /// that NIST SP 800-63B-4 section 3.2.2 allows.
    pub max_failures: u32,
}

/// Who may, and who must have a second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecondFactor {
    /// Nobody is asked for one, also who has one.
    Off,
    /// Who has one is asked for it.
    #[default]
    Optional,
    /// Everybody has to have one.
    Required,
    /// Who has one of these roles has to have one.
    RequiredFor(Vec<String>),
}

impl SecondFactor {
    /// Whether somebody with these roles has to have one.
    pub fn requires(&self, roles: &[String]) -> bool {
        match self {
            Self::Off | Self::Optional => false,
            Self::Required => true,
            Self::RequiredFor(of) => of.iter().any(|role| roles.contains(role)),
        }
    }
}

impl Default for FactorConfig {
    fn default() -> Self {
        Self {
            policy: SecondFactor::default(),
            totp_issuer: None,
            step_up: Duration::from_mins(5),
            remember_device: Duration::from_hours(30 * 24),
            max_failures: 100,
        }
    }
}

/// Browsers keep no cookie for longer than 400 days, and ours tells no device for longer than a year.
const REMEMBER_DEVICE_MAX: Duration = Duration::from_hours(365 * 24);
/// Longer is no "recent" any more.
const STEP_UP_MAX: Duration = Duration::from_hours(24);

impl FactorConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |setting, problem: &str| Err(ConfigError::new(setting, problem));
        if let SecondFactor::RequiredFor(roles) = &self.policy
            && (roles.is_empty() || !roles.iter().all(|role| role::is_role_name(role)))
        {
            return refuse("factors.policy", "names no role, or one that is not 1 to 64 of `[a-z0-9_-]`");
        }
        if self.totp_issuer.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return refuse("factors.totp_issuer", "is empty; name the service");
        }
        if self.step_up > STEP_UP_MAX {
            return refuse("factors.step_up", "is longer than a day");
        }
        if self.remember_device > REMEMBER_DEVICE_MAX {
            return refuse("factors.remember_device", "is longer than a year");
        }
        if !(1..=100).contains(&self.max_failures) {
            return refuse("factors.max_failures", "is outside 1 to 100 (NIST SP 800-63B-4)");
        }
        Ok(())
    }
}
