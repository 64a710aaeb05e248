//! Whether the background task runs, and what is told where it does not.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::Mutex;

use super::Kernel;
use crate::{
    Error, Finding,
    store::{release_leases, take_lease},
};

/// What is told once, by whatever waits first.
const MISSING: &str = "no background task runs in this process (Auth::run_background)";

#[derive(Debug, Default)]
pub(crate) struct Background {
    runs: AtomicBool,
    mail_waited: AtomicBool,
    /// Whether this instance takes no more turns.
    has_left: Mutex<bool>,
}

impl Background {
    pub(crate) fn runs(&self) {
        self.runs.store(true, Relaxed);
    }

    /// A mail was put into the outbox.
    pub(crate) fn mail_waits(&self) {
        if !self.runs.load(Relaxed) && !self.mail_waited.swap(true, Relaxed) {
            tracing::warn!("a mail waits: {MISSING}, so nobody here sends it");
        }
    }

    /// What is missed. `is_asked_blindly`: tokens are verified by knowledge that nobody keeps up to date, whoever delivers mails.
    pub(crate) fn findings(&self, is_asked_blindly: bool) -> Option<Finding> {
        let mail_waits = self.mail_waited.load(Relaxed) && !self.runs.load(Relaxed);
        (mail_waits || is_asked_blindly).then(|| {
            Finding::error(
                "background_missing",
                format!("{MISSING}: mails wait, what other instances have ended goes on here, and what is over is kept"),
                "spawn `auth.run_background()` beside the server, or set `background.runs_elsewhere`",
            )
        })
    }
}

impl Kernel {
    /// Whether a job that one instance should do is this one's, until `expires_at`.
    pub(crate) async fn take_turn(&self, job: &str, expires_at: i64) -> Result<bool, Error> {
        // One that is being taken while the instance leaves would be its own for ever.
        let has_left = self.background.has_left.lock().await;
        if *has_left {
            return Ok(false);
        }
        Ok(take_lease(self.store.db(), job, self.instance, self.now(), expires_at).await?)
    }

    pub(crate) async fn release_leases(&self) -> Result<(), Error> {
        let mut has_left = self.background.has_left.lock().await;
        *has_left = true;
        Ok(release_leases(self.store.db(), self.instance).await?)
    }
}
