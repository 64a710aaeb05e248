//! The budget for hashing, as a flood of sign-ins meets it.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, mpsc},
};

use auth_core::{
    AuthBuilder, ClientInfo, Error, Login, Password, Register,
    password::{HashError, PasswordHasher, Scratch, Verdict},
};
use auth_migration::{each_database, test_util::TestDatabase};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, SECOND, TestAuth},
};

/// Each hash ends when the test says so. Every password is right.
struct Gate(Mutex<mpsc::Receiver<()>>);

impl PasswordHasher for Gate {
    fn hash(&self, _: &Password, _: &[u8; 16], _: &mut Scratch) -> Result<String, HashError> {
        self.0.lock().unwrap().recv().map_err(|_| HashError::Unusable)?;
        Ok("hash".to_owned())
    }

    fn verify(&self, _: &Password, _: &str, _: &mut Scratch) -> Result<Verdict, HashError> {
        self.0.lock().unwrap().recv().map_err(|_| HashError::Unusable)?;
        Ok(Verdict::Right)
    }

    fn decoy(&self) -> String {
        "decoy".to_owned()
    }
}

/// Tells how long the passwords were that it has worked on.
#[derive(Default)]
struct Working(Mutex<Vec<usize>>);

impl Working {
    fn work(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl PasswordHasher for Working {
    fn hash(&self, password: &Password, _: &[u8; 16], _: &mut Scratch) -> Result<String, HashError> {
        Ok(format!("good {}", password.expose()))
    }

    fn verify(&self, password: &Password, stored: &str, _: &mut Scratch) -> Result<Verdict, HashError> {
        if !stored.starts_with("good") {
            return Err(HashError::Unusable);
        }
        self.0.lock().unwrap().push(password.expose().len());
        let is_right = stored.strip_prefix("good ") == Some(password.expose());
        Ok(if is_right { Verdict::Right } else { Verdict::Wrong })
    }

    fn decoy(&self) -> String {
        "good*".to_owned()
    }
}

struct World {
    test: TestAuth,
    gate: mpsc::Sender<()>,
}

type Outcome = JoinHandle<Result<(), Error>>;

impl World {
    /// With an account, and one slot.
    async fn new(db: &TestDatabase, queue: usize) -> Self {
        let (gate, held) = mpsc::channel();
        let hasher = Arc::new(Gate(held.into()));
        let budget = |builder: AuthBuilder| {
            builder.hasher(hasher).configure(|config| {
                config.hashing.slots = 1;
                config.hashing.queue = queue;
            })
        };
        // What is sent to one account at once is guessing, and would not get as far as the queue.
        let test = TestAuth::with(db, |builder| {
            budget(builder).configure(|config| config.insecure_no_throttle = true)
        })
        .await;
        gate.send(()).unwrap();
        test.register().await;
        Self { test, gate }
    }

    fn login(&self, client: u8) -> Outcome {
        let (auth, client) = (self.test.auth.clone(), address(client));
        tokio::spawn(async move { auth.login(Login::new(EMAIL, PASSWORD).client(client)).await.map(drop) })
    }

    fn register(&self, client: u8) -> Outcome {
        let auth = self.test.auth.clone();
        let register = Register::new(format!("user{client}@example.com"), PASSWORD).client(address(client));
        tokio::spawn(async move { auth.register(register).await.map(drop) })
    }

    /// One that runs and as many that wait, from one address.
    async fn flood(&self, waiting: usize) -> Vec<Outcome> {
        let mut flood = Vec::new();
        for number in 0..=waiting {
            flood.push(self.login(1));
            self.until(1, number).await;
        }
        flood
    }

    async fn until(&self, running: usize, waiting: usize) {
        let stats = || self.test.auth.hash_pool();
        let becomes = async {
            while (stats().running, stats().waiting) != (running, waiting) {
                tokio::task::yield_now().await;
            }
        };
        timeout(60 * SECOND, becomes).await.unwrap_or_else(|_| panic!("{:?}", stats()));
    }
}

async fn soon(outcome: Outcome) -> Result<(), Error> {
    timeout(60 * SECOND, outcome).await.unwrap_or_else(|_| panic!("it is still not its turn")).unwrap()
}

fn address(last: u8) -> ClientInfo {
    ClientInfo::default().ip(Ipv4Addr::new(192, 0, 2, last).into())
}

each_database! {
    async fn a_flood_from_one_address_does_not_keep_the_others_out(db: &TestDatabase) {
        let world = World::new(db, 5).await;
        let mut flood = world.flood(5).await;
        assert_refused!(soon(world.login(1)).await, Error::Overloaded { .. });
        // Each takes the place of the newest of the flood, and its turn before all of it but the oldest.
        let mut others = Vec::new();
        for other in [world.login(2), world.register(3), world.register(4)] {
            assert_refused!(soon(flood.pop().unwrap()).await, Error::Overloaded { .. });
            world.until(1, 5).await;
            others.push(other);
        }
        assert_eq!(flood.len(), 3, "one that runs and two that wait");
        (0..5).for_each(|_| world.gate.send(()).unwrap());
        for other in others {
            soon(other).await.unwrap();
        }
        world.until(1, 0).await;
        assert!(!flood.pop().unwrap().is_finished());
        assert_eq!(world.test.auth.hash_pool().refused, 4);
    }

    async fn who_is_turned_away_costs_the_database_nothing(db: &TestDatabase) {
        let world = World::new(db, 2).await;
        let flood = world.flood(2).await;
        // Whatever would be read now fails.
        world.test.db.clone().close().await.unwrap();
        assert_refused!(soon(world.login(1)).await, Error::Overloaded { .. });
        assert_refused!(soon(world.login(2)).await, Error::Unavailable { .. });
        drop(flood);
    }

    async fn clients_that_leave_free_their_places_and_are_not_hashed_for(db: &TestDatabase) {
        let world = World::new(db, 3).await;
        for _ in 0..20 {
            let flood = world.flood(3).await;
            flood.iter().for_each(JoinHandle::abort);
            world.until(1, 0).await;
            world.gate.send(()).unwrap();
            world.until(0, 0).await;
        }
        let stats = world.test.auth.hash_pool();
        assert_eq!((stats.finished, stats.refused), (21, 0), "one of each flood, and the account's");
    }

    async fn a_stored_hash_that_cannot_be_read_costs_the_work_of_one_that_can(db: &TestDatabase) {
        let hasher = Arc::new(Working::default());
        let other: Arc<Working> = Arc::clone(&hasher);
        let test = TestAuth::with(db, |builder| builder.hasher(other)).await;
        test.register().await;
        for row in ["good", "plain text", ""] {
            test.execute(&format!("UPDATE auth_password SET hash = '{row}'")).await;
            assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
            assert_eq!(hasher.work(), [5], "{row:?}");
        }
        assert_refused!(test.try_login("nobody@example.com", "wrong").await, Error::InvalidCredentials);
        assert_eq!(hasher.work(), [5], "no account");
    }

    async fn nothing_longer_than_any_password_is_hashed_wherever_it_is_sent(db: &TestDatabase) {
        let hasher = Arc::new(Working::default());
        let other: Arc<Working> = Arc::clone(&hasher);
        let test = TestAuth::with(db, |builder| builder.hasher(other)).await;
        test.register().await;
        let caller = {
            let tokens = test.login().await;
            hasher.work();
            test.auth.verifier().verify(tokens.access.expose()).unwrap()
        };
        let (client, longest) = (ClientInfo::default, "x".repeat(4096));
        assert_refused!(test.try_login(EMAIL, &longest).await, Error::InvalidCredentials);
        assert_eq!(hasher.work(), [4096]);
        for too_long in [format!("{longest}x"), "x".repeat(1 << 20), "é".repeat(2049)] {
            assert_refused!(test.try_login(EMAIL, &too_long).await, Error::InvalidCredentials);
            assert_refused!(test.try_login("nobody@example.com", &too_long).await, Error::InvalidCredentials);
            let too_long = Password::from(&*too_long);
            let change = test.auth.change_password(&caller, too_long.clone(), PASSWORD, client()).await;
            assert_refused!(change, Error::Validation(_));
            let deletion = test.auth.delete_account(&caller, Some(too_long), client()).await;
            assert_refused!(deletion, Error::Validation(_));
            assert_eq!(hasher.work(), [0; 4], "the work of a check, and not of one so long");
        }
    }
}
