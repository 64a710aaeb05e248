//! Revocation with a number: each process asks the database every so often what has ended, and refuses the
//! access tokens of that, without reading anything for a request.

use std::{
    collections::{HashMap, HashSet},
    fmt, mem,
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
const OVERLAP_MILLIS: i64 = 5_000;

/// So much further every so often: what ended in a mass of others is read a few times again and not with each poll of a minute.
const FAR_OVERLAP_MILLIS: i64 = 60_000;
const FAR_EVERY_MILLIS: i64 = 15_000;

/// So many are taken in at once: whoever verifies a token meanwhile waits for no more.
const AT_ONCE: usize = 1000;

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
#[derive(Default)]
struct Known {
    /// What is known is kept at least as long as it matters, and until the second poll after that: a whole generation goes at once,
    /// which takes no time.
    young: Generation,
    old: Generation,
    /// When `young` was begun.
    turned_at: i64,
    /// When the last poll that succeeded began.
    polled_at: Option<i64>,
    /// And the last one that looked far back.
    polled_far_at: Option<i64>,
}

#[derive(Default)]
struct Generation {
    /// Of sessions, keys and tokens.
    ids: HashSet<Uuid>,
    /// From which version on the roles of a user are the current ones.
    roles: HashMap<UserId, i64>,
}

impl Known {
    fn has_ended(&self, id: Uuid) -> bool {
        self.young.ids.contains(&id) || self.old.ids.contains(&id)
    }

    fn roles_version(&self, user: UserId) -> Option<i64> {
        self.young.roles.get(&user).max(self.old.roles.get(&user)).copied()
    }
}

impl Revocations {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let keep_millis = duration_millis(config.tokens.access_ttl).saturating_add(FAR_OVERLAP_MILLIS);
        let max_age = config.tokens.revocation_max_age;
        let used = Used {
            made_at: to_millis(clock.now()),
            is_wanted: AtomicBool::default(),
            blindly: AtomicBool::default(),
        };
        Self { known: Arc::default(), clock, keep_millis, max_age, used: Arc::new(used) }
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
        known.has_ended(one)
            || other.is_some_and(|token| known.has_ended(token))
            || known.roles_version(caller.user_id).is_some_and(|version| caller.roles_version < version)
    }

    /// The same of a session that was read before, with the roles of its user.
    pub(crate) fn refuses_session(&self, session: SessionId, user: UserId, roles_version: i64) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.has_ended(session.as_uuid())
            || known.roles_version(user).is_some_and(|version| roles_version < version)
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

    pub(crate) fn session_ended(&self, session: SessionId) {
        self.ended(session.as_uuid());
    }

    /// A session, a key or a token.
    pub(crate) fn ended(&self, id: Uuid) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Where nobody polls, nothing would ever be forgotten either.
        if known.polled_at.is_some() {
            known.young.ids.insert(id);
        }
    }

    /// Begins a poll at `now`: tells from which moment on to ask, and whether that is far back. What is over is forgotten.
    pub(crate) fn begin(&self, now: i64) -> (i64, bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut forgotten = Generation::default();
        if now.saturating_sub(known.turned_at) >= self.keep_millis {
            known.turned_at = now;
            let young = mem::take(&mut known.young);
            forgotten = mem::replace(&mut known.old, young);
        }
        let (polled_at, far_at) = (known.polled_at, known.polled_far_at);
        drop(known);
        // Not while others wait.
        drop(forgotten);
        let keep = now.saturating_sub(self.keep_millis);
        let (Some(polled_at), Some(far_at)) = (polled_at, far_at) else { return (keep, true) };
        let is_far = now.saturating_sub(far_at) >= FAR_EVERY_MILLIS;
        let since = if is_far {
            far_at.saturating_sub(FAR_OVERLAP_MILLIS)
        } else {
            polled_at.saturating_sub(OVERLAP_MILLIS)
        };
        (keep.max(since), is_far)
    }

    /// Takes in a part of what a poll finds.
    pub(crate) fn learn(&self, ended: Ended) {
        let learnt_at = to_millis(self.clock.now());
        // No token of a deleted user tells roles as new as these.
        let deleted = ended.deleted.into_iter().map(|(user, _)| (user, i64::MAX));
        let roles = ended.roles.into_iter().map(|(user, version, _)| (user, version)).chain(deleted);
        let (mut ids, mut roles) = (ended.ids, roles.collect::<Vec<_>>());
        // Most of what a poll finds the one before has found.
        let is_first = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            ids.retain(|(id, _)| !known.has_ended(*id));
            roles.retain(|(user, version)| known.roles_version(*user).is_none_or(|other| other < *version));
            known.polled_at.is_none()
        };
        for ids in ids.chunks(AT_ONCE) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.young.ids.extend(ids.iter().map(|(id, _)| *id));
        }
        for roles in roles.chunks(AT_ONCE) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            for (user, version) in roles {
                let newest = known.young.roles.entry(*user).or_insert(*version);
                *newest = (*newest).max(*version);
            }
        }
        // What the first poll finds may have ended long before this process began.
        for (_, at) in ids.iter().filter(|_| !is_first) {
            let delay = u64::try_from(learnt_at.saturating_sub(*at)).unwrap_or(0);
            metrics::histogram!(DELAY).record(Duration::from_millis(delay));
        }
    }

    /// After a poll that began at `now` and has taken in all that it found.
    pub(crate) fn polled(&self, now: i64, far: bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.polled_at = Some(now);
        if far {
            known.polled_far_at = Some(now);
        }
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("age", &self.age()).finish_non_exhaustive()
    }
}
