//! The budget for hashing: so many at once, so many waiting, so long. The only place that calls a hasher.

mod worker;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::ThreadId,
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;

use self::worker::Crew;
use super::{
    HashError, PasswordHasher, Scratch, Verdict,
    check::weakness,
    queue::{Arrival, Queue, Ticket, network},
};
use crate::{
    ClientInfo, Clock, Config, Error, Finding, Password,
    random::{self, Random},
};

/// How long a worker waits for work before it ends and gives its memory back. Making both again costs less than
/// half a hash: seldom enough not to matter.
const KEEP: Duration = Duration::from_secs(2);

/// How often it is said that clients are refused.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The least that a client is asked to wait.
const RETRY_LEAST: Duration = Duration::from_secs(1);

pub(crate) struct HashPool {
    state: Arc<Mutex<State>>,
    decoy: Arc<str>,
    crew: Crew,
    wait: Duration,
}

struct State {
    queue: Queue<Job>,
    /// The workers without work, the one that had some last at the end: memory follows the load.
    idle: Vec<(ThreadId, mpsc::Sender<Job>)>,
    /// How many workers were ever started.
    started: u64,
    /// How long a hash takes lately.
    typical: Duration,
    finished: u64,
    refused: u64,
    /// When that was last said, and how many they were then.
    told: Option<(SystemTime, u64)>,
    waited: Duration,
    hashed: Duration,
}

struct Job {
    arrived: SystemTime,
    /// How many it has, or waits for.
    slots: usize,
    work: Work,
}

/// Hashes, and returns what tells the client. A client whose job is dropped instead was displaced.
type Work = Box<dyn FnOnce(&dyn PasswordHasher, &mut Scratch) -> Answer + Send>;
type Answer = Box<dyn FnOnce()>;

/// What the hash pool does now, and has done since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HashPoolStats {
    /// How many may be hashed at once.
    pub slots: usize,
    /// How many of them are taken now: by one each, or by more where a stored hash needs the memory of several.
    pub running: usize,
    /// How many wait for a slot now.
    pub waiting: usize,
    /// How many were hashed.
    pub finished: u64,
    /// How many were answered [`Error::Overloaded`](crate::Error).
    pub refused: u64,
    /// How long those that were hashed had waited, in all.
    pub waited: Duration,
    /// How long it took to hash them, in all.
    pub hashed: Duration,
}

/// The outcome of [`HashPool::verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    Verdict(Verdict),
    /// The stored hash is in no usable format; the work of a check was done all the same.
    Unusable,
}

/// A place in the queue; given back when the future that waits is dropped.
struct Place<'a> {
    pool: &'a HashPool,
    ticket: Ticket,
}

impl Place<'_> {
    /// Whether there was still something to give up.
    fn give_up(&self) -> bool {
        let job = self.pool.lock().queue.leave(&self.ticket);
        job.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl HashPool {
    pub(crate) fn new(hasher: Arc<dyn PasswordHasher>, clock: Arc<dyn Clock>, config: &Config) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                queue: Queue::new(config.hashing.slots, config.hashing.queue),
                idle: Vec::new(),
                started: 0,
                typical: Duration::ZERO,
                finished: 0,
                refused: 0,
                told: None,
                waited: Duration::ZERO,
                hashed: Duration::ZERO,
            })),
            decoy: hasher.decoy().into(),
            crew: Crew { hasher, clock, keep: KEEP, has_hashed: Arc::default() },
            wait: config.hashing.wait,
        }
    }

    /// Hashes a new password under a fresh salt.
    pub(crate) async fn hash(
        &self,
        client: &ClientInfo,
        password: Password,
        random: &dyn Random,
    ) -> Result<String, Error> {
        self.hash_with(client, password, random::bytes(random)?).await
    }

    /// Hashes under a salt that is there already.
    pub(crate) async fn hash_with(
        &self,
        client: &ClientInfo,
        password: Password,
        salt: [u8; 16],
    ) -> Result<String, Error> {
        let hash = self.run(client, 1, move |hasher, scratch| hasher.hash(&password, &salt, scratch)).await?;
        hash.map_err(Error::internal)
    }

    /// Checks a password; without a stored hash against the decoy, at the same cost.
    pub(crate) async fn verify(
        &self,
        client: &ClientInfo,
        password: Password,
        stored: Option<String>,
    ) -> Result<Checked, Error> {
        let decoy = Arc::clone(&self.decoy);
        let slots = stored.as_deref().map_or(1, |stored| self.crew.hasher.slots(stored));
        let checked = self
            .run(client, slots, move |hasher, scratch| {
                let Some(stored) = stored else { return hasher.verify(&password, &decoy, scratch) };
                let verdict = hasher.verify(&password, &stored, scratch);
                if verdict == Err(HashError::Unusable) {
                    hasher.verify(&password, &decoy, scratch)?;
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

    /// Refuses a client who would be turned away now. To be asked before other work is done for them: a flood that is
    /// turned away must cost no more than that, least of all the database's connections.
    pub(crate) fn look(&self, client: &ClientInfo) -> Result<(), Error> {
        let full = self.lock().queue.is_full_for(network(client.ip));
        if full { Err(self.refuse()) } else { Ok(()) }
    }

    /// Whether what it makes is too cheap.
    pub(crate) fn check(&self) -> Option<Finding> {
        weakness(&self.decoy)
    }

    pub(crate) fn stats(&self) -> HashPoolStats {
        let state = self.lock();
        HashPoolStats {
            slots: state.queue.slots(),
            running: state.queue.running(),
            waiting: state.queue.waiting(),
            finished: state.finished,
            refused: state.refused,
            waited: state.waited,
            hashed: state.hashed,
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        client: &ClientInfo,
        slots: usize,
        work: impl FnOnce(&dyn PasswordHasher, &mut Scratch) -> Result<T, HashError> + Send + 'static,
    ) -> Result<Result<T, HashError>, Error> {
        let (tell, mut told) = oneshot::channel();
        let work: Work = Box::new(move |hasher, scratch| -> Answer {
            // Whatever a panic leaves in the scratch memory: it is only ever overwritten.
            let result = catch_unwind(AssertUnwindSafe(|| work(hasher, scratch)))
                .unwrap_or_else(|_| Err(HashError::Failed("the hasher panicked".to_owned())));
            Box::new(move || drop(tell.send(result)))
        });
        let answer = match self.submit(client, slots, work)? {
            None => told.await,
            Some(ticket) => {
                let place = Place { pool: self, ticket };
                match tokio::time::timeout(self.wait, &mut told).await {
                    Ok(answer) => answer,
                    Err(_) if place.give_up() => return Err(self.refuse()),
                    // It has a slot since: what has begun is not wasted.
                    Err(_) => told.await,
                }
            }
        };
        answer.map_err(|_| self.lock().overloaded(self.wait))
    }

    /// `None`: it has a slot already.
    fn submit(&self, client: &ClientInfo, slots: usize, work: Work) -> Result<Option<Ticket>, Error> {
        let arrived = self.crew.clock.now();
        let mut state = self.lock();
        let slots = state.queue.granted(slots);
        match state.queue.arrive(network(client.ip), slots, Job { arrived, slots, work }) {
            Arrival::Runs(job) => match self.crew.start(&self.state, &mut state, job) {
                Ok(()) => Ok(None),
                // Nobody waits for its slots.
                Err(error) => {
                    state.queue.finish(slots);
                    Err(Error::internal(error))
                }
            },
            Arrival::Waits { ticket, displaced } => {
                state.refused += u64::from(displaced.is_some());
                drop(state);
                drop(displaced);
                Ok(Some(ticket))
            }
            Arrival::Full => {
                drop(state);
                Err(self.refuse())
            }
        }
    }

    fn refuse(&self) -> Error {
        let mut state = self.lock();
        state.refused += 1;
        let (error, news) = (state.overloaded(self.wait), state.news(self.crew.clock.now()));
        drop(state);
        if let Some(refused) = news {
            tracing::warn!(refused, "passwords come faster than they can be hashed: clients are refused");
        }
        error
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Held for a few instructions only, none of which can leave it half done.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// How many were refused since it was last said, if it is to be said again.
    fn news(&mut self, now: SystemTime) -> Option<u64> {
        let (when, before) = self.told.unzip();
        if when.is_some_and(|when| now.duration_since(when).is_ok_and(|since| since < TELL_EVERY)) {
            return None;
        }
        self.told = Some((now, self.refused));
        Some(self.refused - before.unwrap_or(0))
    }

    /// Come back when those who wait now have been served; by the longest wait they are, or have gone.
    fn overloaded(&self, wait: Duration) -> Error {
        let waiting = u32::try_from(self.queue.waiting()).unwrap_or(u32::MAX);
        let slots = u32::try_from(self.queue.slots()).unwrap_or(u32::MAX);
        let served = self.typical.saturating_mul(waiting) / slots.max(1);
        Error::Overloaded { retry_after: served.min(wait).max(RETRY_LEAST) }
    }

    /// Workers without work give their memory back when a job needs that of several.
    fn make_room_for(&mut self, job: &Job) {
        if job.slots > 1 {
            self.idle.clear();
        }
    }

    fn note(&mut self, waited: Duration, took: Duration) {
        self.typical = if self.finished == 0 { took } else { self.typical / 8 * 7 + took / 8 };
        self.finished += 1;
        self.waited = self.waited.saturating_add(waited);
        self.hashed = self.hashed.saturating_add(took);
    }
}

#[cfg(test)]
mod tests;
