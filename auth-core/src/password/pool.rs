//! The budget for hashing: so many at once, so many waiting, so long. The only place that calls a hasher.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{HashError, PasswordHasher, Verdict};
use crate::{
    Config, Error, Password,
    random::{self, Random},
};

pub(crate) struct HashPool {
    hasher: Arc<dyn PasswordHasher>,
    decoy: Arc<str>,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    wait: Duration,
}

/// The outcome of [`HashPool::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    Verdict(Verdict),
    /// The stored hash is in no usable format; the work of a check was done all the same.
    Unusable,
}

/// A place in the queue; given back when the future that waits is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HashPool {
    pub(crate) fn new(hasher: Arc<dyn PasswordHasher>, config: &Config) -> Self {
        Self {
            decoy: hasher.decoy().into(),
            hasher,
            slots: Arc::new(Semaphore::new(config.hash_slots)),
            waiting: AtomicUsize::new(0),
            queue: config.hash_queue,
            wait: config.hash_wait,
        }
    }

    /// Hashes a new password under a fresh salt.
    pub(crate) async fn hash(&self, password: Password, random: &dyn Random) -> Result<String, Error> {
        let salt = random::bytes::<16>(random)?;
        self.run(move |hasher, _| hasher.hash(&password, &salt)).await?.map_err(Error::internal)
    }

    /// Checks a password; without a stored hash against the decoy, at the same cost.
    pub(crate) async fn verify(&self, password: Password, stored: Option<String>) -> Result<Checked, Error> {
        let checked = self
            .run(move |hasher, decoy| {
                let Some(stored) = stored else { return hasher.verify(&password, decoy) };
                let verdict = hasher.verify(&password, &stored);
                if verdict == Err(HashError::Unusable) {
                    hasher.verify(&password, decoy)?;
                }
                verdict
            })
            .await?;
        match checked {
            Ok(verdict) => Ok(Checked::Verdict(verdict)),
            Err(HashError::Unusable) => Ok(Checked::Unusable),
            Err(error) => Err(Error::internal(error)),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn PasswordHasher, &str) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let slot = self.slot().await?;
        let hasher = Arc::clone(&self.hasher);
        let decoy = Arc::clone(&self.decoy);
        tokio::task::spawn_blocking(move || {
            // The slot goes with the work: a client that leaves does not free it while the hash still runs.
            let _slot = slot;
            work(hasher.as_ref(), &decoy)
        })
        .await
        .map_err(Error::internal)
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue {
            return Err(self.overloaded());
        }
        let slot = tokio::time::timeout(self.wait, Arc::clone(&self.slots).acquire_owned()).await;
        drop(place);
        match slot {
            Ok(slot) => slot.map_err(Error::internal),
            Err(_) => Err(self.overloaded()),
        }
    }

    /// A full queue is empty again after the longest wait in it.
    fn overloaded(&self) -> Error {
        Error::Overloaded { retry_after: self.wait.max(Duration::from_secs(1)) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::SystemRandom;

    /// Hashes when the test lets it, so that a test can fill the slots.
    struct Held(std::sync::Mutex<mpsc::Receiver<()>>);

    impl PasswordHasher for Held {
        fn hash(&self, _: &Password, _: &[u8; 16]) -> Result<String, HashError> {
            self.0.lock().unwrap().recv().map_err(|_| HashError::Unusable)?;
            Ok("hash".to_owned())
        }

        fn verify(&self, _: &Password, _: &str) -> Result<Verdict, HashError> {
            Err(HashError::Unusable)
        }

        fn decoy(&self) -> String {
            String::new()
        }
    }

    fn pool(slots: usize, queue: usize) -> (Arc<HashPool>, mpsc::Sender<()>) {
        let (release, held) = mpsc::channel();
        let config = Config { hash_slots: slots, hash_queue: queue, ..Config::default() };
        (Arc::new(HashPool::new(Arc::new(Held(held.into())), &config)), release)
    }

    fn start(pool: &Arc<HashPool>) -> tokio::task::JoinHandle<Result<String, Error>> {
        let pool = Arc::clone(pool);
        tokio::spawn(async move { pool.hash("x".into(), &SystemRandom).await })
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn beyond_slots_and_queue_it_sheds_at_once() {
        let (pool, release) = pool(1, 1);
        let running = start(&pool);
        until(|| pool.slots.available_permits() == 0).await;
        let queued = start(&pool);
        until(|| pool.waiting.load(Ordering::Relaxed) == 1).await;
        assert!(matches!(pool.hash("x".into(), &SystemRandom).await, Err(Error::Overloaded { .. })));
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert!(running.await.unwrap().is_ok());
        assert!(queued.await.unwrap().is_ok());
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_client_that_leaves_the_queue_frees_its_place() {
        let (pool, release) = pool(1, 1);
        let running = start(&pool);
        until(|| pool.slots.available_permits() == 0).await;
        let gone = start(&pool);
        until(|| pool.waiting.load(Ordering::Relaxed) == 1).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        let next = start(&pool);
        until(|| pool.waiting.load(Ordering::Relaxed) == 1).await;
        release.send(()).unwrap();
        release.send(()).unwrap();
        assert!(running.await.unwrap().is_ok());
        assert!(next.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_client_that_leaves_while_hashing_keeps_its_slot_until_the_hash_is_done() {
        let (pool, release) = pool(1, 1);
        let gone = start(&pool);
        until(|| pool.slots.available_permits() == 0).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(pool.slots.available_permits(), 0, "the hash still runs");
        release.send(()).unwrap();
        until(|| pool.slots.available_permits() == 1).await;
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_has_a_deadline() {
        let (pool, release) = pool(1, 1);
        let running = start(&pool);
        until(|| pool.slots.available_permits() == 0).await;
        let late = start(&pool);
        until(|| pool.waiting.load(Ordering::Relaxed) == 1).await;
        tokio::time::advance(Duration::from_secs(3)).await;
        let refused = late.await.unwrap();
        assert!(matches!(refused, Err(Error::Overloaded { .. })), "{refused:?}");
        release.send(()).unwrap();
        assert!(running.await.unwrap().is_ok());
    }
}
