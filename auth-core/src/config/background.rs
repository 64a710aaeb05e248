use std::time::Duration;

use crate::ConfigError;

/// How often [`Auth::run_background`](crate::Auth::run_background) does what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackgroundConfig {
    /// How often to ask what other instances have ended, and for the key ring. Default 1 s: the bound of tokens that are
    /// verified the bounded way. Keep it below a sixth of [`key_publish_ahead`](crate::TokenConfig::key_publish_ahead), or a key
    /// may sign before this instance knows it.
    pub poll: Duration,
    /// How often to look for mails of other instances, and for those that have to be tried again. Default 5 s; those of this
    /// instance leave at once.
    pub mail: Duration,
    /// How often to remove what is over, in turn with the other instances. Default 10 min.
    pub sweep: Duration,
    /// Nothing is missed when it does not run here: another process runs it, or this one is over in a moment. Default `false`.
    pub runs_elsewhere: bool,
}

impl Default for BackgroundConfig {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            mail: Duration::from_secs(5),
            sweep: Duration::from_mins(10),
            runs_elsewhere: false,
        }
    }
}

impl BackgroundConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (setting, every) in
            [("background.poll", self.poll), ("background.mail", self.mail), ("background.sweep", self.sweep)]
        {
            if every.is_zero() {
                return Err(ConfigError::new(setting, "is zero; the database would be asked without a rest"));
            }
        }
        Ok(())
    }
}
