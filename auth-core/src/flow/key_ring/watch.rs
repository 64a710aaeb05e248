//! What a process knows of the ring, and how it comes to know it.

use std::{
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Algorithm, ConfigError, Error, Keys, SecretKey,
    kernel::Kernel,
    key_ring::{KeySource, KeysInForce, Ring},
    store::{KeyRow, read_keys},
    task::keep_polling,
    token::VerifyingKey,
};

impl Kernel {
    pub(super) fn key_source(&self) -> MutexGuard<'_, KeySource> {
        self.key_source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_keys(&self, keys: &Keys) -> Result<(), ConfigError> {
        let mut source = self.key_source();
        let now = self.now();
        source.ring.check_secrets(keys, now)?;
        if let Some(algorithm) = keys.ring_algorithm()
            && source.ring.signer(now).is_none()
        {
            let problem = format!("{algorithm} signs with the key ring, which has no key yet; add one first");
            return Err(ConfigError::new("algorithm", problem));
        }
        self.put_in_force(keys, &source.ring)?;
        source.keys = keys.clone();
        Ok(())
    }

    fn put_in_force(&self, keys: &Keys, ring: &Ring) -> Result<(), ConfigError> {
        let made = KeysInForce::new(keys, ring, &self.config, self.sealers())?;
        // First: what is signed from now on has to be accepted.
        self.verifier.set_keys(VerifyingKey::all(keys, ring.public())?);
        self.keys.set(made);
        Ok(())
    }

    /// One SELECT. A key that cannot be decrypted is an error, but what else has changed is known by then.
    pub(super) async fn read_ring(&self) -> Result<Vec<KeyRow>, Error> {
        // In turn: a reading that was overtaken would bring back what the later one saw revoked.
        let _turn = self.ring_reading.lock().await;
        let rows = read_keys(self.store.db()).await?;
        self.learn_keys(&rows)?;
        Ok(rows)
    }

    fn learn_keys(&self, rows: &[KeyRow]) -> Result<(), ConfigError> {
        let mut source = self.key_source();
        let changed = !source.ring.is_of(rows);
        if !changed && source.ring.is_complete() {
            return Ok(());
        }
        let (ring, problem) =
            source.ring.read(rows.to_vec(), &source.keys, self.keep_keys_millis(), self.now())?;
        self.put_in_force(&source.keys, &ring)?;
        if changed {
            tracing::info!(keys = ring.public().count(), "the key ring has changed");
        }
        source.ring = ring;
        problem.map_or(Ok(()), Err)
    }

    /// The algorithm of the key that the ring should have and has not.
    pub(super) fn missing_key(&self) -> Option<Algorithm> {
        let source = self.key_source();
        source.keys.ring_algorithm().filter(|_| source.ring.signer(self.now()).is_none())
    }

    pub(super) fn newest_secret(&self) -> SecretKey {
        self.key_source().keys.newest().clone()
    }

    /// The keys whose rows may go: over for `margin_millis`, as far as this process knows.
    pub(crate) fn keys_over(&self, margin_millis: i64) -> Vec<String> {
        self.key_source().ring.over(self.keep_keys_millis(), self.now().saturating_sub(margin_millis))
    }

    pub(crate) async fn watch_keys(&self, every: Duration) {
        keep_polling(every, "the key ring", || self.poll_keys()).await;
    }
}
