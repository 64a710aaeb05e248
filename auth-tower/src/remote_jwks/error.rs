use std::{error::Error, fmt, sync::Arc};

/// Why an issuer's keys could not be fetched, or not be used. For a log line: it never reaches a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    reason: Arc<str>,
}

impl FetchError {
    pub(super) fn new(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into() }
    }

    /// With all that lies behind an error: the outermost of a failed connection says little.
    pub(super) fn because(what: &str, error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| (*error).source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        Self::new(format!("{what}: {}", causes.join(": ")))
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for FetchError {}
