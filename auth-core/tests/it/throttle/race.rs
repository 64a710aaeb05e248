use std::{sync::Arc, time::Duration};

use auth_core::{Error, Login, Register};
use auth_migration::{each_database, test_util::TestDatabase};
use tokio::task::JoinSet;

use super::at;
use crate::{
    assert_refused,
    support::{EMAIL, PASSWORD, SECOND, TestAuth, gated, granted, keys, start},
};

/// Guesses at once, in turn on several instances. How many were checked.
async fn burst(instances: &[&TestAuth], guesses: usize) -> usize {
    let mut burst = JoinSet::new();
    for number in 0..guesses {
        let auth = instances[number % instances.len()].auth.clone();
        burst.spawn(async move { auth.login(Login::new(EMAIL, "wrong")).await });
    }
    let mut checked = 0;
    while let Some(outcome) = burst.join_next().await {
        match granted(outcome.unwrap()) {
            Err(Error::InvalidCredentials) => checked += 1,
            Err(Error::Throttled { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    checked
}

each_database! {
    async fn guesses_at_once_over_two_instances_are_counted_exactly(db: &TestDatabase) {
        let one = TestAuth::with(db, |builder| builder.configure(|config| config.hashing.queue = 200)).await;
        let other = TestAuth::instance(db, keys(), &one.clock, 5, |builder| builder.configure(|config| config.hashing.queue = 200)).await;
        one.register().await;
        let both = [&one, &other];
        assert_eq!(burst(&both, 60).await, 10);
        for wait in [5, 10, 20, 40, 80] {
            one.clock.advance(Duration::from_millis(wait * 1000 - 1));
            assert_eq!(burst(&both, 10).await, 0, "before {wait} s");
            one.clock.advance(Duration::from_millis(1));
            assert_eq!(burst(&both, 20).await, 1, "after {wait} s");
        }
        assert_eq!(one.counted().await, 15);
        assert_eq!(one.hasher.verifications() + other.hasher.verifications(), 15);
        for _ in 0..65 {
            one.clock.advance(Duration::from_mins(15));
            assert_eq!(burst(&both, 4).await, 1);
        }
        one.clock.advance(Duration::from_hours(24));
        assert_eq!(burst(&both, 40).await, 0, "eighty in all");
    }

    async fn guesses_beside_the_owners_sign_in_stay_counted(db: &TestDatabase) {
        let (hasher, entered, open) = gated();
        let test = TestAuth::with(db, |builder| builder.hasher(Arc::new(hasher)).configure(|config| config.hashing.slots = 4)).await;
        test.register().await;
        for _ in 0..6 {
            open.send(()).unwrap();
            let other = test.try_login("bob@example.com", "wrong").await;
            assert_refused!(other, Error::InvalidCredentials);
        }
        entered.acquire_many(6).await.unwrap().forget();
        let owner = start(&test.auth, PASSWORD);
        entered.acquire().await.unwrap().forget();
        let guesses = [start(&test.auth, "wrong"), start(&test.auth, "wrong"), start(&test.auth, "wrong")];
        entered.acquire_many(3).await.unwrap().forget();
        assert_eq!(test.counted().await, 4 + 6);
        drop(open);
        owner.await.unwrap().unwrap();
        for guess in guesses {
            assert_refused!(guess.await.unwrap(), Error::InvalidCredentials);
        }
        assert_eq!(test.counted().await, 3 + 6, "nothing of anybody else's");
    }

    async fn an_attempt_that_is_shed_by_a_full_queue_does_not_count(db: &TestDatabase) {
        let (hasher, entered, open) = gated();
        let settings = |builder: auth_core::AuthBuilder| builder.hasher(Arc::new(hasher)).configure(|config| {
            config.hashing.slots = 1;
            config.hashing.queue = 0;
        });
        let test = TestAuth::with(db, settings).await;
        test.register().await;
        let slow = start(&test.auth, "wrong");
        entered.acquire().await.unwrap().forget();
        for number in 0..30 {
            assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Overloaded { .. });
            let other = format!("user{number}@example.com");
            assert_refused!(test.try_login(&other, PASSWORD).await, Error::Overloaded { .. });
        }
        assert_eq!((test.counted().await, test.count("auth_throttle").await), (1, 1));
        drop(open);
        assert_refused!(slow.await.unwrap(), Error::InvalidCredentials);
        test.login().await;
    }

    async fn an_attempt_that_waits_for_its_hash_in_vain_does_not_count(db: &TestDatabase) {
        let (hasher, entered, open) = gated();
        let queue = |builder: auth_core::AuthBuilder| builder.configure(|config| { config.hashing.slots = 1; config.hashing.queue = 1; });
        let settings = |builder| queue(builder).hasher(Arc::new(hasher)).configure(|config| config.hashing.wait = Duration::from_millis(1));
        let test = TestAuth::with(db, settings).await;
        test.register().await;
        // After ten failures each further one has to wait; a wait is no longer for having been turned away.
        for _ in 0..10 {
            open.send(()).unwrap();
            assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        }
        entered.acquire_many(10).await.unwrap().forget();
        test.clock.advance(5 * SECOND);
        let auth = test.auth.clone();
        let slow = tokio::spawn(async move { auth.login(Login::new("bob@example.com", "wrong")).await });
        entered.acquire().await.unwrap().forget();
        for _ in 0..120 {
            for email in [EMAIL, "new@example.com"] {
                let shed = test.login_from(at("203.0.113.1"), email, PASSWORD).await;
                assert_refused!(shed, Error::Overloaded { .. });
            }
        }
        assert_eq!((test.counted().await, test.count("auth_throttle").await), (11, 2));
        drop(open);
        assert_refused!(granted(slow.await.unwrap()), Error::InvalidCredentials);
        test.login_from(at("203.0.113.1"), EMAIL, PASSWORD).await.unwrap();
    }

    async fn neither_a_confirmation_nor_a_registration_that_is_shed_counts(db: &TestDatabase) {
        let (hasher, entered, open) = gated();
        let queue = |builder: auth_core::AuthBuilder| builder.configure(|config| { config.hashing.slots = 1; config.hashing.queue = 1; });
        let settings = |builder| queue(builder).hasher(Arc::new(hasher)).configure(|config| config.hashing.wait = Duration::from_millis(1));
        let test = TestAuth::with(db, settings).await;
        open.send(()).unwrap();
        let (_, caller) = test.caller().await;
        entered.acquire().await.unwrap().forget();
        let auth = test.auth.clone();
        let slow = tokio::spawn(async move { auth.login(Login::new("bob@example.com", "wrong")).await });
        entered.acquire().await.unwrap().forget();
        let client = || at("203.0.113.1");
        for _ in 0..120 {
            let change = test.auth.change_password(&caller, PASSWORD, "another horse battery", client()).await;
            assert_refused!(change, Error::Overloaded { .. });
            let new = Register::new("new@example.com", PASSWORD).client(client());
            assert_refused!(test.auth.register(new).await, Error::Overloaded { .. });
        }
        assert_eq!(test.counted().await, 1, "Bob's");
        drop(open);
        assert_refused!(granted(slow.await.unwrap()), Error::InvalidCredentials);
        test.auth.change_password(&caller, PASSWORD, "another horse battery", client()).await.unwrap();
    }
}
