//! Revocation with a number: each process asks the database every so often what has ended, and refuses the
//! access tokens of that, without reading anything for a request.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use uuid::Uuid;

use crate::{
    Clock, Config, Principal, SessionId, UserId,
    clock::{duration_millis, to_millis},
    principal::Shown,
};

/// A poll looks back beyond the last one by so much: another instance's clock may be behind, and what it wrote
/// may have been committed later than the time it carries.
const OVERLAP_MILLIS: i64 = 60_000;

/// After so long a process that has polled nothing will not do so.
const START_MILLIS: i64 = 10_000;

/// Seconds from the end of a session until this process knew of it, when it ended elsewhere.
const DELAY: &str = "auth_revocation_delay_seconds";

/// What ended lately, as far as this process knows; nothing before the first poll. Clones share it.
///
/// ```no_run
/// # fn run(auth: auth_core::Auth) {
/// let verifier = auth.verifier().bounded(auth.revocations());
/// tokio::spawn(async move { auth.run_background().await });
/// # }
/// ```
#[derive(Clone)]
pub struct Revocations {
    known: Arc<RwLock<Known>>,
    clock: Arc<dyn Clock>,
    /// Nothing older matters: the access tokens are over by themselves.
    keep_millis: i64,
    max_age: Option<Duration>,
    used: Arc<Used>,
}

/// What is made of it, and since when it could be.
struct Used {
    made_at: i64,
    /// Somebody verifies by it.
    is_wanted: AtomicBool,
    /// Somebody did, though nobody had polled.
    blindly: AtomicBool,
}

/// Since a moment: ended sessions, keys and tokens, accounts whose roles were set with the new version, and deleted ones; each
/// with its time.
#[derive(Default)]
pub(crate) struct Ended {
    pub(crate) ids: Vec<(Uuid, i64)>,
    pub(crate) roles: Vec<(UserId, i64, i64)>,
    pub(crate) deleted: Vec<(UserId, i64)>,
}

/// Times are unix milliseconds.
struct Known {
    /// Of sessions, keys and tokens.
    ids: HashMap<Uuid, i64>,
    roles: HashMap<UserId, Roles>,
    /// When the last poll that succeeded began.
    polled_at: Option<i64>,
}

struct Roles {
    version: i64,
    at: i64,
}

impl Revocations {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let known = Known { ids: HashMap::new(), roles: HashMap::new(), polled_at: None };
        let keep_millis = duration_millis(config.tokens.access_ttl).saturating_add(OVERLAP_MILLIS);
        let max_age = config.tokens.revocation_max_age;
        let used = Used {
            made_at: to_millis(clock.now()),
            is_wanted: AtomicBool::default(),
            blindly: AtomicBool::default(),
        };
        Self { known: Arc::new(RwLock::new(known)), clock, keep_millis, max_age, used: Arc::new(used) }
    }

    /// Whether this caller's session, key or token is known to have ended, or the token tells roles from before a change. In
    /// the second case the client refreshes, or gets another token, and has the new ones.
    pub fn refuses(&self, caller: &Principal) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.polled_at.is_none() {
            self.note_blind_use();
        }
        let (one, other) = match caller.shown {
            Shown::Session(session) => (session.as_uuid(), None),
            Shown::ApiKey(key) => (key.as_uuid(), None),
            Shown::Token(key, token) => (key.as_uuid(), Some(token)),
        };
        known.ids.contains_key(&one)
            || other.is_some_and(|token| known.ids.contains_key(&token))
            || known.roles.get(&caller.user_id).is_some_and(|roles| caller.roles_version < roles.version)
    }

    /// Hands it out to verify by: from now on it is worth to poll.
    pub(crate) fn asked_for(&self) -> Self {
        self.used.is_wanted.store(true, Relaxed);
        self.clone()
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.used.is_wanted.load(Relaxed)
    }

    /// Somebody verifies by it, and nobody has polled to this day.
    pub(crate) fn is_used_blindly(&self) -> bool {
        self.used.blindly.load(Relaxed) && self.age().is_none()
    }

    /// Nobody has polled yet. Once that is no matter of the start, it is told.
    fn note_blind_use(&self) {
        let since = to_millis(self.clock.now()).saturating_sub(self.used.made_at);
        if since > START_MILLIS && !self.used.blindly.swap(true, Relaxed) {
            tracing::warn!(
                "tokens are verified the bounded way and nobody polls what has ended: no background task runs in this process \
                 (Auth::run_background)"
            );
        }
    }

    /// How old this knowledge is: the time since the last poll that succeeded began; `None` before the first.
    /// For a metric or an alarm.
    pub fn age(&self) -> Option<Duration> {
        let polled_at = self.known.read().unwrap_or_else(PoisonError::into_inner).polled_at?;
        let age = to_millis(self.clock.now()).saturating_sub(polled_at);
        Some(Duration::from_millis(u64::try_from(age).unwrap_or(0)))
    }

    /// Whether this knowledge is older than [`TokenConfig::revocation_max_age`](crate::TokenConfig::revocation_max_age) allows.
    pub fn is_stale(&self) -> bool {
        self.max_age.is_some_and(|most| self.age().is_none_or(|age| age > most))
    }

    pub(crate) fn session_ended(&self, session: SessionId, at: i64) {
        self.ended(session.as_uuid(), at);
    }

    /// A session, a key or a token.
    pub(crate) fn ended(&self, id: Uuid, at: i64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Where nobody polls, nothing would ever be forgotten either.
        if known.polled_at.is_some() {
            known.ids.insert(id, at);
        }
    }

    /// The moment from which to ask.
    pub(crate) fn since(&self, now: i64) -> i64 {
        let polled_at = self.known.read().unwrap_or_else(PoisonError::into_inner).polled_at;
        let keep = now.saturating_sub(self.keep_millis);
        polled_at.map_or(keep, |at| keep.max(at.saturating_sub(OVERLAP_MILLIS)))
    }

    /// Takes in what a poll found that began at `now`.
    pub(crate) fn learn(&self, ended: Ended, now: i64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let learnt_at = to_millis(self.clock.now());
        for (id, at) in ended.ids {
            let news = known.ids.insert(id, at).is_none();
            // What the first poll finds may have ended long before this process began.
            if news && known.polled_at.is_some() {
                let delay = u64::try_from(learnt_at.saturating_sub(at)).unwrap_or(0);
                metrics::histogram!(DELAY).record(Duration::from_millis(delay));
            }
        }
        // No token of a deleted user tells roles as new as these.
        let deleted = ended.deleted.into_iter().map(|(user, at)| (user, i64::MAX, at));
        for (user, version, at) in ended.roles.into_iter().chain(deleted) {
            let roles = known.roles.entry(user).or_insert(Roles { version, at });
            *roles = Roles { version: version.max(roles.version), at: at.max(roles.at) };
        }
        let over = now.saturating_sub(self.keep_millis);
        known.ids.retain(|_, at| *at > over);
        known.roles.retain(|_, roles| roles.at > over);
        known.polled_at = Some(now);
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("age", &self.age()).finish_non_exhaustive()
    }
}
