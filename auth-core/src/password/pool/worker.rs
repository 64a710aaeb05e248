//! The threads that hash.

use std::{
    sync::{Arc, Mutex, Weak, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use super::{Job, State, lock};
use crate::{
    Clock,
    password::{PasswordHasher, Scratch},
};

/// A thread that hashes. It ends when there was no work for a while, and when the pool is gone.
pub(super) struct Worker {
    /// Not kept alive by the worker.
    pub(super) pool: Weak<Mutex<State>>,
    pub(super) hasher: Arc<dyn PasswordHasher>,
    pub(super) clock: Arc<dyn Clock>,
    /// How long to wait for work.
    pub(super) keep: Duration,
}

/// What a worker does next.
enum Turn {
    Work(Job),
    Rest(mpsc::Receiver<Job>),
    End,
}

impl Worker {
    pub(super) fn run(self, first: Job) {
        give_way();
        let mut scratch = Scratch::default();
        let mut next = Some(first);
        while let Some(Job { arrived, work }) = next {
            let begun = self.clock.now();
            let answer = work(self.hasher.as_ref(), &mut scratch);
            let ended = self.clock.now();
            let turn = self.finish(between(arrived, begun), between(begun, ended));
            // Not before the slot is free: the client may come back at once.
            answer();
            next = match turn {
                Turn::Work(job) => Some(job),
                Turn::Rest(jobs) => self.rest(&jobs),
                Turn::End => None,
            };
        }
    }

    fn finish(&self, waited: Duration, took: Duration) -> Turn {
        let Some(pool) = self.pool.upgrade() else { return Turn::End };
        metrics::histogram!("auth_hash_wait_seconds").record(waited);
        metrics::histogram!("auth_hash_seconds").record(took);
        let mut state = lock(&pool);
        state.note(waited, took);
        if let Some(job) = state.queue.finish() {
            return Turn::Work(job);
        }
        let (worker, jobs) = mpsc::channel();
        state.idle.push((thread::current().id(), worker));
        Turn::Rest(jobs)
    }

    fn rest(&self, jobs: &mpsc::Receiver<Job>) -> Option<Job> {
        if let Ok(job) = jobs.recv_timeout(self.keep) {
            return Some(job);
        }
        let me = thread::current().id();
        lock(&*self.pool.upgrade()?).idle.retain(|(worker, _)| *worker != me);
        // One may have been handed over just before that.
        jobs.try_recv().ok()
    }
}

/// The wall clock may have been set back or forth meanwhile.
fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default().min(Duration::from_mins(1))
}

/// Hashing yields to everything else of the program: on Linux each thread has a niceness of its own. With 10 steps
/// more it keeps a tenth of a core that others want whole.
#[cfg(target_os = "linux")]
fn give_way() {
    // If it is not allowed, hashing is as important as the rest.
    let _ = rustix::process::nice(10);
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}
