//! What the [check](crate::manual::check) tells: what is wrong, how bad that is, and what to do.

use std::fmt;

/// How bad a [`Finding`] is. The greater is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know; it may well be meant.
    Note,
    /// It works, and something about it is weak, or will not go well for long.
    Warning,
    /// Something does not work, or is open to others.
    Error,
}

impl Severity {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a check has found. Never holds a secret or an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// A stable name; each has one severity.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is so, as a sentence without its full stop.
    pub problem: String,
    /// What to do about it, in the same form.
    pub fix: String,
}

impl Finding {
    /// Something does not work.
    pub fn error(code: &'static str, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, problem: problem.into(), fix: fix.into() }
    }

    /// Something is weak.
    pub fn warning(code: &'static str, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, severity: Severity::Warning, problem: problem.into(), fix: fix.into() }
    }

    /// Something is good to know.
    pub fn note(code: &'static str, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, severity: Severity::Note, problem: problem.into(), fix: fix.into() }
    }
}

/// In one line, for a log.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.fix)
    }
}
