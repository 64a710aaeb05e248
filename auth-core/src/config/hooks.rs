use std::time::Duration;

use crate::ConfigError;

/// How [`Hooks`](crate::Hooks) are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HookConfig {
    /// How long an answer may take. Default 2 s, at most 10 s: somebody waits for it.
    pub deadline: Duration,
    /// What becomes of a request when there is no answer. Default [`Closed`](OnHookFailure::Closed).
    pub on_failure: OnHookFailure,
}

/// What becomes of a request when a hook fails or is late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnHookFailure {
    /// It is refused with [`Error::HookUnavailable`](crate::Error::HookUnavailable).
    #[default]
    Closed,
    /// It goes on as if there were no hook: whom the hook would have refused is let in meanwhile, and tokens lack its claims.
    Open,
}

impl Default for HookConfig {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(2), on_failure: OnHookFailure::Closed }
    }
}

impl HookConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if !(Duration::from_millis(1)..=Duration::from_secs(10)).contains(&self.deadline) {
            return Err(ConfigError::new("hooks.deadline", "is outside 1 ms to 10 s"));
        }
        Ok(())
    }
}
