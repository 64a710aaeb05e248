//! What stands in for systemd where there is none: nothing is passed in, and nobody is told.

use crate::{error::Error, http::listener::Socket};

pub(crate) struct Passed;

impl Passed {
    pub(crate) fn from_env() -> Self {
        Self
    }

    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as where there may be one")]
    pub(crate) fn socket(self) -> Result<Option<Socket>, Error> {
        Ok(None)
    }
}

pub(crate) fn ready() {}

pub(crate) fn reloading() {}

pub(crate) fn stopping() {}

#[expect(clippy::unused_async, reason = "as where it lasts")]
pub(crate) async fn keep_watchdog_quiet() {}
