//! What a setting that cannot be used is refused with.

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// Which setting, by the name of its builder method.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is wrong with it, and what would be right. Never repeats a secret.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}
