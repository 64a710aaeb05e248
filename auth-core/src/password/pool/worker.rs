//! The threads that hash.

use std::{
    io,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, SystemTime},
};

use super::{Job, State, lock};
use crate::{
    Clock,
    password::{PasswordHasher, Scratch},
};

/// A hash takes some 20 ms. So long is one in a build that is not optimised, or on a machine that has no time for it.
const SLOW: Duration = Duration::from_millis(400);

/// What every thread that hashes has.
#[derive(Clone)]
pub(super) struct Crew {
    pub(super) hasher: Arc<dyn PasswordHasher>,
    pub(super) clock: Arc<dyn Clock>,
    /// How long to wait for work.
    pub(super) keep: Duration,
    /// Whether the first hash is over.
    pub(super) has_hashed: Arc<AtomicBool>,
}

impl Crew {
    /// Of the first hash: later ones may wait for others on a busy machine.
    fn tell_if_slow(&self, took: Duration) {
        if !self.has_hashed.swap(true, Relaxed) && took >= SLOW {
            tracing::warn!(
                milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                "a password takes this long to hash: in a debug build the profile of the workspace needs opt-level = 3 for argon2 and \
                 blake2 (see the recipes of the manual), else the machine is too slow for so many"
            );
        }
    }

    /// Gives a job to the worker that had work last, or to a new one.
    pub(super) fn start(&self, pool: &Arc<Mutex<State>>, state: &mut State, job: Job) -> io::Result<()> {
        state.make_room_for(&job);
        let job = match state.idle.pop() {
            None => job,
            Some((_, worker)) => match worker.send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(job)) => job,
            },
        };
        let worker = Worker { pool: Arc::downgrade(pool), crew: self.clone() };
        state.started += 1;
        let thread = thread::Builder::new().name(format!("hash-{}", state.started));
        thread.spawn(move || worker.run(job)).map(drop)
    }
}

/// A thread that hashes. It ends when there was no work for a while, and when the pool is gone.
struct Worker {
    /// Not kept alive by the worker.
    pool: Weak<Mutex<State>>,
    crew: Crew,
}

/// What a worker does next.
enum Turn {
    Work(Job),
    Rest(mpsc::Receiver<Job>),
    End,
}

impl Worker {
    fn run(self, first: Job) {
        give_way();
        let mut scratch = Scratch::default();
        let mut next = Some(first);
        while let Some(Job { arrived, slots, work }) = next {
            if slots > 1 {
                // It has memory of its own, in the place of this one and others.
                scratch = Scratch::default();
            }
            let begun = self.crew.clock.now();
            let answer = work(self.crew.hasher.as_ref(), &mut scratch);
            let ended = self.crew.clock.now();
            self.crew.tell_if_slow(between(begun, ended));
            let turn = self.finish(slots, between(arrived, begun), between(begun, ended));
            // Not before the slot is free: the client may come back at once.
            answer();
            next = match turn {
                Turn::Work(job) => Some(job),
                Turn::Rest(jobs) => self.rest(&jobs),
                Turn::End => None,
            };
        }
    }

    fn finish(&self, slots: usize, waited: Duration, took: Duration) -> Turn {
        let Some(pool) = self.pool.upgrade() else { return Turn::End };
        metrics::histogram!("auth_hash_wait_seconds").record(waited);
        metrics::histogram!("auth_hash_seconds").record(took);
        let mut state = lock(&pool);
        state.note(waited, took);
        let mut begin = state.queue.finish(slots);
        let own = begin.pop_front();
        if let Some(job) = &own {
            state.make_room_for(job);
        }
        while let Some(job) = begin.pop_front() {
            let slots = job.slots;
            // The client of one for which there is no thread is told to come back.
            if self.crew.start(&pool, &mut state, job).is_err() {
                begin.extend(state.queue.finish(slots));
            }
        }
        if let Some(job) = own {
            return Turn::Work(job);
        }
        let (worker, jobs) = mpsc::channel();
        state.idle.push((thread::current().id(), worker));
        Turn::Rest(jobs)
    }

    fn rest(&self, jobs: &mpsc::Receiver<Job>) -> Option<Job> {
        if let Ok(job) = jobs.recv_timeout(self.crew.keep) {
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::test_util::{InsecureHasher, ManualClock};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(times: &[u64]) -> String {
        let lines = Lines::default();
        let (writer, hasher) = (lines.clone(), Arc::new(InsecureHasher::new()));
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let clock = Arc::new(ManualClock::new());
        let crew = Crew { hasher, clock, keep: Duration::ZERO, has_hashed: Arc::default() };
        tracing::subscriber::with_default(subscriber, || {
            for millis in times {
                crew.clone().tell_if_slow(Duration::from_millis(*millis));
            }
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_first_hash_that_is_slow_is_told_of_once_with_what_to_do() {
        let line = told(&[900, 900]);
        assert_eq!(line.matches("WARN").count(), 1, "{line}");
        assert!(line.contains("milliseconds=900") && line.contains("opt-level"), "{line}");
        assert_eq!(told(&[40, 900]), "", "what comes later may have waited for others");
    }
}
