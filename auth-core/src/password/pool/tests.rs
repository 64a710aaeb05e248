use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, SystemTime},
};

use proptest::prelude::*;

use super::{Checked, HashPool, HashPoolStats, TELL_EVERY};
use crate::{
    ClientInfo, Config, Error, SystemRandom,
    password::{HashError, PasswordHasher, Scratch, Verdict},
    secret::Password,
    test_util::ManualClock,
};

/// Hashes when the test lets it, so that a test can fill the slots.
struct Held {
    gate: Mutex<mpsc::Receiver<()>>,
    inside: Arc<AtomicUsize>,
}

impl PasswordHasher for Held {
    fn hash(&self, password: &Password, _: &[u8; 16], _: &mut Scratch) -> Result<String, HashError> {
        let opened = self.pass();
        assert_ne!(password.expose(), "panic");
        opened.map(|()| password.expose().to_owned())
    }

    fn verify(&self, _: &Password, stored: &str, _: &mut Scratch) -> Result<Verdict, HashError> {
        if stored.is_empty() { Err(HashError::Unusable) } else { self.pass().map(|()| Verdict::Right) }
    }

    /// As long as it is.
    fn slots(&self, stored: &str) -> usize {
        stored.len()
    }

    fn decoy(&self) -> String {
        String::new()
    }
}

impl Held {
    fn pass(&self) -> Result<(), HashError> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let opened = self.gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        opened.map_err(|_| HashError::Unusable)
    }
}

/// A pool whose hashes end when the test says so.
struct World {
    pool: Arc<HashPool>,
    gate: mpsc::Sender<()>,
    clock: ManualClock,
    inside: Arc<AtomicUsize>,
}

type Hashing = tokio::task::JoinHandle<Result<String, Error>>;

impl World {
    fn new(slots: usize, queue: usize) -> Self {
        let (gate, held) = mpsc::channel();
        let (inside, clock) = (Arc::<AtomicUsize>::default(), ManualClock::new());
        let hasher = Held { gate: held.into(), inside: Arc::clone(&inside) };
        let mut config = Config::default();
        (config.hashing.slots, config.hashing.queue) = (slots, queue);
        let pool = HashPool::new(Arc::new(hasher), Arc::new(clock.clone()), &config);
        Self { pool: Arc::new(pool), gate, clock, inside }
    }

    fn start(&self, name: &str, client: u8) -> Hashing {
        let (pool, name) = (Arc::clone(&self.pool), Password::from(name));
        let client = ClientInfo::default().ip([192, 0, 2, client].into());
        tokio::spawn(async move { pool.hash(&client, name, &SystemRandom).await })
    }

    /// Starts one that gets a slot.
    async fn runs(&self, name: &str, client: u8) -> Hashing {
        let before = self.inside.load(Ordering::SeqCst);
        let started = self.start(name, client);
        until(|| self.inside.load(Ordering::SeqCst) == before + 1).await;
        started
    }

    /// Starts one that has to wait.
    async fn waits(&self, name: &str, client: u8) -> Hashing {
        let before = self.stats().waiting;
        let started = self.start(name, client);
        until(|| self.stats().waiting == before + 1).await;
        started
    }

    /// Checks a stored hash that needs the memory of as many slots as it is long.
    fn check(&self, stored: &'static str, client: u8) -> tokio::task::JoinHandle<Result<Checked, Error>> {
        let pool = Arc::clone(&self.pool);
        let client = ClientInfo::default().ip([192, 0, 2, client].into());
        tokio::spawn(async move { pool.verify(&client, Password::new(""), Some(stored.to_owned())).await })
    }

    fn let_through(&self, hashes: usize) {
        (0..hashes).for_each(|_| self.gate.send(()).unwrap());
    }

    fn stats(&self) -> HashPoolStats {
        self.pool.stats()
    }
}

#[tokio::test]
async fn a_hash_that_needs_the_memory_of_several_slots_has_as_many_and_is_not_overtaken() {
    let world = World::new(4, 10);
    let taken = async |running, waiting| {
        until(|| (world.stats().running, world.stats().waiting) == (running, waiting)).await;
    };
    let mut all = vec![world.check("###", 1)];
    taken(3, 0).await;
    all.push(world.check("##", 1));
    taken(3, 1).await;
    // There is a slot for it, and whoever waited would wait for ever behind many like it.
    all.push(world.check("#", 2));
    taken(3, 2).await;
    world.let_through(1);
    taken(3, 0).await;
    // More than there are: alone.
    all.push(world.check("#########", 3));
    taken(3, 1).await;
    world.let_through(2);
    taken(4, 0).await;
    world.let_through(1);
    for checked in all {
        until(|| checked.is_finished()).await;
        assert_eq!(checked.await.unwrap().unwrap(), Checked::Verdict(Verdict::Right));
    }
    taken(0, 0).await;
}

async fn until(condition: impl Fn() -> bool) {
    let becomes = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), becomes).await.expect("it does not happen");
}

/// With a clock that stands still the runtime would turn it as soon as it had nothing else to do.
async fn ended(hashing: Hashing) -> Result<String, Error> {
    until(|| hashing.is_finished()).await;
    hashing.await.unwrap()
}

fn retry_after(refused: Result<String, Error>) -> Duration {
    match refused {
        Err(Error::Overloaded { retry_after }) => retry_after,
        other => panic!("expected Overloaded, got {other:?}"),
    }
}

#[tokio::test]
async fn beyond_slots_and_queue_it_sheds_at_once() {
    let world = World::new(1, 1);
    let running = world.runs("a", 1).await;
    let queued = world.waits("b", 1).await;
    retry_after(world.start("c", 1).await.unwrap());
    world.let_through(2);
    assert_eq!(running.await.unwrap().unwrap(), "a");
    assert_eq!(queued.await.unwrap().unwrap(), "b");
    let stats = world.stats();
    assert_eq!((stats.running, stats.waiting, stats.finished, stats.refused), (0, 0, 2, 1));
}

#[tokio::test]
async fn an_answer_comes_when_its_slot_is_free_again() {
    let world = World::new(1, 0);
    for _ in 0..500 {
        let running = world.start("a", 1);
        world.let_through(1);
        assert!(running.await.unwrap().is_ok(), "without a queue a busy slot refuses");
    }
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_frees_its_place() {
    let world = World::new(1, 1);
    let running = world.runs("a", 1).await;
    let gone = world.waits("b", 1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(world.stats().waiting, 0);
    let next = world.waits("c", 1).await;
    world.let_through(2);
    assert!(running.await.unwrap().is_ok());
    assert!(next.await.unwrap().is_ok());
    assert_eq!(world.stats().finished, 2, "what nobody waits for is not hashed");
}

#[tokio::test]
async fn a_client_that_leaves_while_hashing_keeps_its_slot_until_the_hash_is_done() {
    let world = World::new(1, 1);
    let gone = world.runs("a", 1).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    assert_eq!(world.stats().running, 1, "the hash still runs");
    world.let_through(1);
    until(|| world.stats().running == 0).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_has_a_deadline_that_does_not_depend_on_a_worker() {
    let world = World::new(1, 1);
    let running = world.runs("a", 1).await;
    let late = world.waits("b", 1).await;
    tokio::time::advance(Duration::from_millis(1990)).await;
    assert!(!late.is_finished());
    tokio::time::advance(Duration::from_millis(20)).await;
    retry_after(ended(late).await);
    let stats = world.stats();
    assert_eq!((stats.running, stats.waiting, stats.refused), (1, 0, 1), "its place is free");
    let next = world.waits("c", 1).await;
    world.let_through(2);
    assert!(ended(running).await.is_ok());
    assert!(ended(next).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_in_time_is_not_refused_though_it_takes_longer() {
    let world = World::new(1, 1);
    let first = world.runs("a", 1).await;
    let second = world.waits("b", 1).await;
    world.let_through(1);
    assert!(ended(first).await.is_ok());
    until(|| world.inside.load(Ordering::SeqCst) == 1).await;
    tokio::time::advance(Duration::from_mins(1)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
    }
    world.let_through(1);
    assert_eq!(ended(second).await.unwrap(), "b");
}

#[tokio::test]
async fn a_flood_from_one_address_makes_room_for_a_login_from_another() {
    let world = World::new(1, 3);
    let flood = [
        world.runs("flood 0", 1).await,
        world.waits("flood 1", 1).await,
        world.waits("flood 2", 1).await,
        world.waits("flood 3", 1).await,
    ];
    retry_after(world.start("flood 4", 1).await.unwrap());
    let login = world.start("login", 2);
    let [running, oldest, next, newest] = flood;
    retry_after(newest.await.unwrap());
    // Its turn is after the next one of the flood, and before the rest.
    world.let_through(3);
    assert_eq!(login.await.unwrap().unwrap(), "login");
    assert!(running.await.unwrap().is_ok());
    assert!(oldest.await.unwrap().is_ok());
    assert!(!next.is_finished());
    assert_eq!(world.stats().refused, 2);
    world.let_through(1);
    assert!(next.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_panic_in_a_hasher_is_an_error_of_that_operation_and_costs_no_slot() {
    let world = World::new(1, 4);
    for _ in 0..3 {
        let (broken, behind) = (world.runs("panic", 1).await, world.waits("a", 1).await);
        world.let_through(2);
        assert!(matches!(broken.await.unwrap(), Err(Error::Internal(_))));
        assert!(behind.await.unwrap().is_ok());
    }
    assert_eq!(world.stats().running, 0);
}

#[tokio::test]
async fn the_time_to_come_back_is_when_those_who_wait_have_been_served() {
    let world = World::new(2, 4);
    let all = [world.runs("a", 1).await, world.runs("b", 2).await];
    world.clock.advance(Duration::from_millis(900));
    world.let_through(2);
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    let mut all = vec![world.runs("a", 1).await, world.runs("b", 2).await];
    for client in 1..5 {
        all.push(world.waits("c", client).await);
    }
    // Four hashes of 0.9 s in two slots.
    assert_eq!(retry_after(world.start("d", 1).await.unwrap()), Duration::from_millis(1800));
    world.clock.advance(Duration::from_mins(1));
    world.let_through(6);
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    let stats = world.stats();
    assert_eq!(stats.hashed, Duration::from_millis(2 * 900 + 2 * 60_000));
    assert_eq!(stats.waited, Duration::from_mins(4));
    // However long a hash takes, after the longest wait the queue has emptied.
    let mut all = vec![world.runs("a", 1).await, world.runs("b", 2).await];
    for client in 1..5 {
        all.push(world.waits("c", client).await);
    }
    assert_eq!(retry_after(world.start("d", 1).await.unwrap()), Duration::from_secs(2));
    world.let_through(6);
}

#[tokio::test]
async fn threads_are_made_when_there_is_work_and_end_without_it_or_with_the_pool() {
    let mut world = World::new(4, 0);
    Arc::get_mut(&mut world.pool).unwrap().crew.keep = Duration::from_millis(1);
    let threads = |world: &World| (Arc::weak_count(&world.pool.state), world.pool.lock().started);
    assert_eq!(threads(&world), (0, 0));
    let all = [world.runs("a", 1).await, world.runs("b", 1).await];
    assert_eq!(threads(&world), (2, 2));
    world.let_through(2);
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    until(|| threads(&world) == (0, 2)).await;
    assert!(world.pool.lock().idle.is_empty());

    Arc::get_mut(&mut world.pool).unwrap().crew.keep = Duration::from_hours(1);
    for _ in 0..5 {
        let one = world.runs("a", 1).await;
        world.let_through(1);
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(threads(&world), (1, 3), "one after the other needs one thread");
    let inside = Arc::clone(&world.inside);
    drop(world);
    // Held by the hasher, and that by every thread.
    until(|| Arc::strong_count(&inside) == 1).await;
}

proptest! {
    // Real threads: whoever leaves whenever, all slots are there afterwards.
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn slots_never_leak_whoever_leaves_whenever(
        slots in 1..4_usize, queue in 0..6_usize,
        steps in prop::collection::vec((1..5_u8, any::<bool>(), any::<bool>(), any::<bool>()), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new(slots, queue);
            let mut all = Vec::new();
            for (client, panics, leaves, through) in steps {
                let started = world.start(if panics { "panic" } else { "a" }, client);
                tokio::task::yield_now().await;
                if leaves {
                    started.abort();
                } else {
                    all.push(started);
                }
                if through {
                    world.let_through(1);
                }
            }
            world.let_through(100); // enough for these and those after
            for one in all {
                let _ = one.await.unwrap();
            }
            until(|| world.stats().running == 0).await;
            assert_eq!(world.stats().waiting, 0);
            let full: Vec<_> = (0..slots).map(|_| world.start("a", 1)).collect();
            for one in full {
                assert!(one.await.unwrap().is_ok(), "a slot is missing");
            }
        });
    }
}

#[test]
fn refusals_are_told_at_once_and_then_every_ten_seconds_together() {
    let world = World::new(1, 0);
    let (mut state, start) = (world.pool.lock(), SystemTime::UNIX_EPOCH + Duration::from_hours(1));
    let mut news = |refused, at| {
        state.refused = refused;
        state.news(at)
    };
    assert_eq!(news(1, start), Some(1));
    assert_eq!(news(5, start + TELL_EVERY - Duration::from_millis(1)), None);
    assert_eq!(news(7, start + TELL_EVERY), Some(6));
    assert_eq!(news(8, start), Some(1), "the clock was set back");
}
