//! The one thing that can go wrong outside a request.

use std::{borrow::Cow, error::Error, fmt};

/// A setting of a service or layer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    problem: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// Which setting, by the name of its builder method.
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// What is wrong with it, and what would be right.
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.setting, self.problem)
    }
}

impl Error for ConfigError {}
