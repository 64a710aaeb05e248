//! Whose key it is: read once in the bound of a revocation, however often it is shown.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering::Relaxed},
};

use tokio::sync::Mutex;

use super::{
    ADMIN_SCOPE, Owner,
    store::{KeyRow, find_key, find_key_by_digest, is_token_ended, use_key},
};
use crate::{
    ADMIN_ROLE, Assurance, Caller, ClientInfo, Error, Principal, Verified,
    clock::{duration_millis, from_millis},
    kernel::Kernel,
    principal::{Payload, Shown},
    task::detached,
    token::api_key::{self, Digest},
};

/// A use is noted if the last one that was is longer ago, in milliseconds.
const NOTE_EVERY: i64 = 5 * 60 * 1000;
/// The most keys that are remembered, a few hundred bytes each.
const MOST: usize = 10_000;
/// The end of a key that has none: of the year 9999, which every form of a time can tell.
const NEVER: i64 = 253_402_300_799_000;

/// The keys that were good lately. One that nobody has is never in here, so nobody can fill it with guesses.
pub(crate) struct KnownKeys {
    keys: RwLock<HashMap<Digest, Known>>,
}

#[derive(Clone)]
struct Known {
    caller: Arc<Principal>,
    read_at: i64,
    /// The kernel's, when the read began.
    endings: u64,
    /// Held by whoever reads it again, so that one does.
    reading: Arc<Mutex<()>>,
}

impl KnownKeys {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { keys: RwLock::default() })
    }

    fn get(&self, digest: &Digest) -> Option<Known> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn put(&self, digest: Digest, known: Known, over: i64) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST && !keys.contains_key(&digest) {
            keys.retain(|_, known| known.read_at > over);
            if keys.len() >= MOST {
                keys.clear();
            }
        }
        keys.insert(digest, known);
    }

    fn forget(&self, digest: &Digest) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(digest);
    }
}

impl fmt::Debug for KnownKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownKeys").finish_non_exhaustive()
    }
}

pub(super) async fn verify(
    kernel: &Arc<Kernel>,
    text: &str,
    client: &ClientInfo,
) -> Result<Principal, Error> {
    if !api_key::is_key(text) {
        count("malformed");
        return Err(Error::InvalidToken);
    }
    let digest = api_key::digest_of(text);
    let keys = kernel.set_up::<KnownKeys>().ok_or(Error::InvalidToken)?;
    let Some(known) = keys.get(&digest) else { return first(kernel, &keys, digest, client).await };
    if let Some(caller) = fresh(kernel, &known) {
        return good(kernel, caller, "known");
    }
    // It was good, so it is no guess: it is read whatever others in the network have tried.
    let reading = known.reading.lock().await;
    if let Some(caller) = keys.get(&digest).and_then(|known| fresh(kernel, &known)) {
        return good(kernel, caller, "known");
    }
    let found = read(kernel, &keys, digest, Arc::clone(&known.reading)).await;
    drop(reading);
    found
}

fn good(kernel: &Kernel, caller: Arc<Principal>, outcome: &'static str) -> Result<Principal, Error> {
    // By its own time, which may have come since it was read.
    if caller.expires_at <= kernel.clock.now() {
        count("over");
        return Err(Error::InvalidToken);
    }
    count(outcome);
    Ok(Arc::unwrap_or_clone(caller))
}

/// One that was not good lately: counted as a key that nobody has until it turns out to be somebody's.
async fn first(
    kernel: &Arc<Kernel>,
    keys: &KnownKeys,
    digest: Digest,
    client: &ClientInfo,
) -> Result<Principal, Error> {
    let network = kernel.try_key(client).inspect_err(|_| count("throttled"))?;
    let began = (kernel.now(), kernel.endings.load(Relaxed));
    let found = find_key_by_digest(kernel.store.db(), digest).await;
    if let (Some(network), Ok(Some(_)) | Err(_)) = (network, &found) {
        kernel.key_was_known(network);
    }
    let Some(row) = found? else {
        count("unknown");
        return Err(Error::InvalidToken);
    };
    take(kernel, keys, digest, row, began, Arc::default()).await
}

async fn read(
    kernel: &Arc<Kernel>,
    keys: &KnownKeys,
    digest: Digest,
    reading: Arc<Mutex<()>>,
) -> Result<Principal, Error> {
    let began = (kernel.now(), kernel.endings.load(Relaxed));
    let Some(row) = find_key_by_digest(kernel.store.db(), digest).await? else {
        keys.forget(&digest);
        count("over");
        return Err(Error::InvalidToken);
    };
    take(kernel, keys, digest, row, began, reading).await
}

async fn take(
    kernel: &Arc<Kernel>,
    keys: &KnownKeys,
    digest: Digest,
    row: KeyRow,
    (read_at, endings): (i64, u64),
    reading: Arc<Mutex<()>>,
) -> Result<Principal, Error> {
    if !row.is_alive(read_at) {
        keys.forget(&digest);
        count("over");
        return Err(Error::InvalidToken);
    }
    let before = read_at.saturating_sub(NOTE_EVERY);
    if row.last_used_at.is_none_or(|at| at < before) {
        note_use(kernel, &row, before, read_at).await;
    }
    let caller = Arc::new(principal(&row));
    let known = Known { caller: Arc::clone(&caller), read_at, endings, reading };
    keys.put(digest, known, read_at.saturating_sub(bound(kernel)));
    good(kernel, caller, "read")
}

/// No reason to refuse anybody: the next one notes it.
async fn note_use(kernel: &Arc<Kernel>, row: &KeyRow, before: i64, now: i64) {
    let (kernel, id) = (Arc::clone(kernel), row.id);
    let noted = detached(async move { Ok(use_key(kernel.store.db(), id, before, now).await?) });
    if let Err(error) = noted.await {
        tracing::warn!(error = error.code(), "the use of a key was not noted");
    }
}

/// For how long what was read is good, in milliseconds.
fn bound(kernel: &Kernel) -> i64 {
    duration_millis(kernel.config.background.poll)
}

fn fresh(kernel: &Kernel, known: &Known) -> Option<Arc<Principal>> {
    let age = kernel.now().saturating_sub(known.read_at);
    // A clock that was set back has read nothing yet.
    let is_fresh = (0..bound(kernel)).contains(&age)
        && known.endings == kernel.endings.load(Relaxed)
        && !kernel.revocations.refuses(&known.caller);
    is_fresh.then(|| Arc::clone(&known.caller))
}

/// The roles that a key has: those of its owner, `admin` only where the key is for that.
pub(super) fn roles_of(row: &KeyRow) -> Vec<String> {
    let is_admin = row.scopes.iter().any(|scope| scope == ADMIN_SCOPE);
    row.roles.iter().filter(|role| is_admin || *role != ADMIN_ROLE).cloned().collect()
}

/// What a key is for: `admin` only as long as its owner is one.
pub(super) fn scopes_of(row: &KeyRow) -> Vec<String> {
    let is_admin = row.roles.iter().any(|role| role == ADMIN_ROLE);
    row.scopes.iter().filter(|scope| is_admin || *scope != ADMIN_SCOPE).cloned().collect()
}

fn principal(row: &KeyRow) -> Principal {
    let (user_id, caller) = match row.owner {
        Owner::Person(user) => (user, Caller::Person),
        Owner::Service(account) => (account, Caller::Service),
    };
    Principal {
        user_id,
        caller,
        shown: Shown::ApiKey(row.id),
        roles: roles_of(row),
        scopes: scopes_of(row),
        roles_version: row.roles_version,
        methods: Vec::new(),
        assurance: Assurance::default(),
        // Nobody has shown who they are.
        authenticated_at: from_millis(0),
        issued_at: from_millis(row.created_at),
        expires_at: from_millis(row.expires_at.unwrap_or(NEVER)),
        verified: Verified::Bounded,
        // A key tells nothing by itself.
        payload: Payload("".into()),
    }
}

/// A machine as the database has it.
pub(super) async fn current(kernel: &Kernel, caller: &Principal) -> Result<Principal, Error> {
    let db = kernel.store.db();
    let id = caller.key_id().ok_or(Error::InvalidToken)?;
    let row = find_key(db, id).await?.filter(|row| row.owner.account() == caller.user_id);
    let row = row.filter(|row| row.is_alive(kernel.now())).ok_or(Error::InvalidToken)?;
    let Shown::Token(_, token) = caller.shown else {
        return Ok(Principal { verified: Verified::Strict, ..principal(&row) });
    };
    // As a bounded check: a token from before a change is over.
    if caller.roles_version < row.roles_version || is_token_ended(db, token).await? {
        return Err(Error::InvalidToken);
    }
    Ok(Principal { verified: Verified::Strict, ..caller.clone() })
}

/// What became of a key that was shown.
fn count(outcome: &'static str) {
    metrics::counter!("auth_api_keys_total", "outcome" => outcome).increment(1);
}
