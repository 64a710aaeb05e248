//! Whether a new password is known from a leak: the seam, and what keeps a slow list from being felt.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

use crate::Password;

/// How many look-ups run at once. One takes less than a millisecond where the list is on a local disk; where it hangs, no
/// more threads than these hang with it.
const AT_ONCE: usize = 8;
/// The longest wait for an answer.
const WAIT: Duration = Duration::from_secs(2);

/// Knows passwords from leaks: [`BreachList`](crate::password::BreachList), or a host's own.
pub trait BreachChecker: Send + Sync + 'static {
    /// Whether this password is known. Called on a thread for blocking work, never on an async one; what takes longer than
    /// two seconds counts as an error.
    ///
    /// # Errors
    /// That it cannot be told now. [`PasswordConfig::breach_check_required`](crate::PasswordConfig::breach_check_required) says what
    /// becomes of the password.
    fn is_breached(&self, password: &Password) -> io::Result<bool>;
}

/// A checker and its turns.
pub(super) struct Breaches {
    checker: Arc<dyn BreachChecker>,
    turns: Arc<Semaphore>,
    wait: Duration,
}

impl Breaches {
    pub(super) fn new(checker: Arc<dyn BreachChecker>) -> Self {
        Self { checker, turns: Arc::new(Semaphore::new(AT_ONCE)), wait: WAIT }
    }

    pub(super) async fn know(&self, password: &Password) -> io::Result<bool> {
        let asked = timeout(self.wait, async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(io::Error::other)?;
            let (checker, password) = (Arc::clone(&self.checker), password.clone());
            let look_up = move || {
                // Held for as long as the thread is, which nobody may be waiting for any more.
                let _turn = turn;
                checker.is_breached(&password)
            };
            tokio::task::spawn_blocking(look_up).await.map_err(io::Error::other)?
        });
        asked.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests;
