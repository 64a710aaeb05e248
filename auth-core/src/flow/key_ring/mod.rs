//! The key ring as an administrator has it, and how an instance follows it; see the manual's page on [keys](crate::manual::keys).

mod change;
mod check;
mod watch;

use std::{fmt, sync::Arc, time::SystemTime};

use crate::{Algorithm, Error, kernel::Kernel, task::detached};

/// What an administrator does with the keys in the database: [`Auth::key_ring`](crate::Auth::key_ring).
///
/// Other instances learn of it by their next [`Auth::poll_keys`](crate::Auth::poll_keys), also those that sign with
/// something else: they accept what the ring has signed, and publish its keys.
#[derive(Clone)]
pub struct KeyRing {
    kernel: Arc<Kernel>,
}

/// A key of the ring, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingKey {
    /// The `kid` of its tokens.
    pub id: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it stands at this moment.
    pub state: KeyState,
    /// When it was added, and published from then on.
    pub created_at: SystemTime,
    /// When its turn begins or began.
    pub active_at: SystemTime,
    /// When its last tokens are over; `None` while no key follows it.
    pub ends_at: Option<SystemTime>,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
}

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Published and accepted; signs later.
    Next,
    /// Signs, where the ring signs at all.
    Active,
    /// Signs no more; its tokens are accepted until they expire.
    Retired,
    /// Nothing of it is accepted.
    Revoked,
}

impl KeyState {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

impl KeyRing {
    pub(crate) fn new(kernel: Arc<Kernel>) -> Self {
        Self { kernel }
    }

    /// The keys in the order of their turns, then those that were revoked. One SELECT.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self) -> Result<Vec<RingKey>, Error> {
        self.kernel.list_keys().await
    }

    /// Adds a key that signs from [`key_publish_ahead`](crate::TokenConfig::key_publish_ahead) on, when every instance and
    /// every cache knows it, and relieves the one before, which is accepted for
    /// [`access_ttl`](crate::TokenConfig::access_ttl) more. It may be called again before that.
    ///
    /// # Errors
    /// [`Error::Validation`] for an HS algorithm, which has no keys of its own, and when the ring holds 100 keys that
    /// are not over; [`Error::Unavailable`].
    pub async fn rotate(&self, algorithm: Algorithm) -> Result<RingKey, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { kernel.rotate_key(algorithm).await }).await
    }

    /// Takes a key out at once: for one that leaked. This instance refuses its tokens from now on, others from their
    /// next poll, other services when they fetch the JWK set again. If it was the one that signs, the one added next
    /// takes over early; if there is none, each instance that signs with the ring makes sure that there is one.
    /// Idempotent.
    ///
    /// # Errors
    /// [`KEY_NOT_FOUND`](crate::refusal::KEY_NOT_FOUND); [`Error::Unavailable`], after which it is to be called again.
    pub async fn revoke(&self, id: &str) -> Result<(), Error> {
        let (kernel, id) = (Arc::clone(&self.kernel), id.to_owned());
        detached(async move { kernel.revoke_key(&id).await }).await
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}
