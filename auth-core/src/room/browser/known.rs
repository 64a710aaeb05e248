//! What was read of sessions lately, so that a page with a hundred pictures costs one look.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering::Relaxed},
};

use tokio::sync::Mutex;

use super::BrowserCaller;
use crate::{SessionId, clock::duration_millis, kernel::Kernel};

/// The most that are remembered, about a kilobyte each.
const MOST: usize = 10_000;

/// By the names of tokens that were made here, so nobody can fill it with guesses.
pub(crate) struct KnownSessions {
    sessions: RwLock<HashMap<[u8; 32], Known>>,
}

/// Held by whoever reads the session again, so that one does.
pub(super) type Known = Arc<Mutex<Option<Look>>>;

#[derive(Clone)]
pub(super) struct Look {
    pub(super) session: SessionId,
    /// `None`: it is over.
    pub(super) caller: Option<BrowserCaller>,
    pub(super) roles_version: i64,
    /// When it is over by itself.
    pub(super) ends_at: i64,
    pub(super) at: i64,
    /// The kernel's, when the read began.
    pub(super) endings: u64,
}

impl KnownSessions {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { sessions: RwLock::default() })
    }

    /// `over`: what was read up to then need not be remembered.
    pub(super) fn of(&self, name: [u8; 32], over: i64) -> Known {
        if let Some(known) = self.sessions.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Arc::clone(known);
        }
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST && !sessions.contains_key(&name) {
            let is_young = |known: &mut Known| {
                let read = known.try_lock();
                read.map_or(true, |read| read.as_ref().is_some_and(|read| read.at > over))
            };
            sessions.retain(|_, known| is_young(known));
            if sessions.len() >= MOST {
                sessions.clear();
            }
        }
        Arc::clone(sessions.entry(name).or_default())
    }
}

impl fmt::Debug for KnownSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSessions").finish_non_exhaustive()
    }
}

/// For how long what was read is good, in milliseconds.
pub(super) fn bound(kernel: &Kernel) -> i64 {
    duration_millis(kernel.config.background.poll)
}

impl Look {
    pub(super) fn is_fresh(&self, kernel: &Kernel) -> bool {
        let age = kernel.now().saturating_sub(self.at);
        // A clock that was set back has read nothing yet.
        (0..bound(kernel)).contains(&age)
            && self.endings == kernel.endings.load(Relaxed)
            && self.caller.as_ref().is_none_or(|caller| {
                !kernel.revocations.refuses_session(self.session, caller.user_id, self.roles_version)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_remembered_than_fit_and_those_read_lately_stay() {
        let known = KnownSessions::new();
        let name = |number: usize| {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_le_bytes());
            name
        };
        let read = |at| Look {
            session: uuid::Uuid::nil().into(),
            caller: None,
            roles_version: 0,
            ends_at: 0,
            at,
            endings: 0,
        };
        for number in 0..MOST {
            let at = i64::from(number % 2 == 0);
            *known.of(name(number), 0).try_lock().unwrap() = Some(read(at));
        }
        assert_eq!(known.sessions.read().unwrap().len(), MOST);
        known.of(name(MOST), 0);
        assert_eq!(known.sessions.read().unwrap().len(), MOST / 2 + 1);
        assert!(known.of(name(0), 0).try_lock().unwrap().is_some());
        for number in 0..3 * MOST {
            known.of(name(number), i64::MAX);
            assert!(known.sessions.read().unwrap().len() <= MOST);
        }
    }
}
