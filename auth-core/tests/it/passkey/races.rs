//! What is done at once, at two instances.

use auth_core::{CreateUser, Error};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{ORIGIN, World, nobody, site};
use crate::support::{PASSWORD, TestAuth, keys};

each_database! {
    async fn of_many_who_send_the_same_assertion_to_two_instances_one_gets_in(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, site).await;
        let signed = world.signed();
        let before = world.test.count("auth_session").await;
        let all = (0..32).map(|n| {
            let (auth, signed) = (if n % 2 == 0 { &world.test.auth } else { &other.auth }.clone(), signed.clone());
            tokio::spawn(async move {
                auth.passkeys().unwrap().login(auth_core::factor::PasskeyLogin::new(signed)).await
            })
        });
        let mut let_in = 0;
        for one in all.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(_) => let_in += 1,
                Err(Error::InvalidCredentials | Error::Throttled { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((let_in, world.test.count("auth_session").await), (1, before + 1));
    }

    async fn a_credential_belongs_to_one_of_two_accounts_that_register_it_at_once(db: &TestDatabase) {
        let world = World::new(db).await;
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, site).await;
        let new = CreateUser::new("grace@example.com").password(PASSWORD).verified();
        world.test.auth.create_user(new).await.unwrap();
        let grace = world.test.try_login("grace@example.com", PASSWORD).await.unwrap();
        let grace = world.test.verify(&grace.access);
        // One that makes the same credential for each who asks, as a hostile one can.
        let ours = world.passkeys().begin_registration(&world.caller).await.unwrap();
        let theirs = other.passkeys().begin_registration(&grace).await.unwrap();
        let mut one = auth_core::test_util::SoftwareAuthenticator::on(ORIGIN);
        let made = one.create(&ours);
        let same = one.create_again(theirs.json());
        let (passkeys, caller) = (world.passkeys(), world.caller.clone());
        let first = tokio::spawn(async move { passkeys.register(&caller, made, None, nobody()).await });
        let second = tokio::spawn({
            let passkeys = other.passkeys();
            async move { passkeys.register(&grace, same, None, nobody()).await }
        });
        let outcomes = [first.await.unwrap().is_ok(), second.await.unwrap().is_ok()];
        assert_eq!(outcomes.iter().filter(|won| **won).count(), 1, "{outcomes:?}");
        assert_eq!(world.test.count("auth_passkey").await, 2);
    }

    async fn a_passkey_that_is_taken_away_at_once_with_a_sign_in_signs_in_before_or_not_at_all(db: &TestDatabase) {
        let mut world = World::new(db).await;
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, site).await;
        for _ in 0..8 {
            let added = world.test.make(&world.caller, &mut world.authenticator).await.unwrap();
            let signed = world.signed();
            let (passkeys, caller, id) = (world.passkeys(), world.caller.clone(), added.passkey.id);
            let removed = tokio::spawn(async move { passkeys.remove(&caller, id, nobody()).await });
            let entered = tokio::spawn({
                let passkeys = other.passkeys();
                async move { passkeys.login(auth_core::factor::PasskeyLogin::new(signed)).await }
            });
            removed.await.unwrap().unwrap();
            assert!(matches!(entered.await.unwrap(), Ok(_) | Err(Error::InvalidCredentials)));
            let late = world.signed();
            let newest = world.passkeys().list(&world.caller).await.unwrap();
            assert!(newest.iter().all(|passkey| passkey.id != id));
            assert!(matches!(world.test.sign_in(late).await, Err(Error::InvalidCredentials)));
            world.authenticator.forget_newest();
        }
    }

    async fn two_who_make_the_first_factor_at_once_have_one_set_of_codes(db: &TestDatabase) {
        let test = TestAuth::with(db, site).await;
        let other = TestAuth::instance(db, keys(), &test.clock, 5, site).await;
        let (_, caller) = super::somebody(&test).await;
        let mut authenticator = auth_core::test_util::SoftwareAuthenticator::on(ORIGIN);
        let mut made = Vec::new();
        for _ in 0..2 {
            made.push(authenticator.create(&test.passkeys().begin_registration(&caller).await.unwrap()));
        }
        let both = [test.passkeys(), other.passkeys()].into_iter().zip(made).map(|(passkeys, made)| {
            let caller = caller.clone();
            tokio::spawn(async move { passkeys.register(&caller, made, None, nobody()).await })
        });
        let mut codes = 0;
        for one in both.collect::<Vec<_>>() {
            if let Ok(added) = one.await.unwrap() {
                codes += added.recovery_codes.len();
            }
        }
        assert_eq!((codes, test.count("auth_recovery_code").await), (10, 10));
    }
}
