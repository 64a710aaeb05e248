//! How often codes may be guessed.

use auth_core::{
    Error, Login,
    factor::{Answer, FACTOR_LOCKED, INVALID_CODE, Method},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, challenged, from, wrong};
use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, SECOND, TestAuth, keys},
};

impl World {
    /// One wrong code, from there.
    async fn guess(&self, ip: &str) -> Error {
        let challenge = self.challenge().await;
        let code = wrong(&self.app.code());
        let answer = Answer::new(challenge.auth_session, Method::Totp, code).client(from(ip));
        self.factors().answer(answer).await.unwrap_err()
    }

    async fn right(&self, ip: &str) -> Result<auth_core::factor::Answered, Error> {
        let challenge = self.challenge().await;
        let answer = Answer::new(challenge.auth_session, Method::Totp, self.app.next_code()).client(from(ip));
        self.factors().answer(answer).await
    }
}

each_database! {
    async fn from_the_fifth_wrong_code_on_the_account_waits_wherever_it_comes_from(db: &TestDatabase) {
        let world = World::new(db).await;
        for number in 1..=5 {
            let refused = world.guess(&format!("10.0.0.{number}")).await;
            assert!(matches!(refused, Error::Refused(INVALID_CODE)), "{refused:?}");
            let mails = world.test.mails().await;
            assert_eq!(mails, if number == 5 { vec!["second_factor_failed"] } else { vec![] }, "{number}");
        }
        for ip in ["10.0.0.6", "2001:db8::1"] {
            assert!(matches!(world.guess(ip).await, Error::Throttled { retry_after } if retry_after == 5 * SECOND));
            // The right one as well: it is not looked at.
        }
        let challenge = world.challenge().await;
        let recovery = Answer::new(challenge.auth_session, Method::RecoveryCode, world.codes[0].expose());
        assert_refused!(world.factors().answer(recovery).await, Error::Throttled { .. });
        world.test.clock.advance(5 * SECOND);
        world.right("10.0.0.7").await.unwrap();
    }

    async fn a_right_code_forgets_the_wrong_ones_of_its_own_network_only(db: &TestDatabase) {
        let world = World::new(db).await;
        for ip in ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"] {
            world.guess(ip).await;
        }
        world.right("10.0.0.1").await.unwrap();
        assert_eq!(world.count("auth_factor_failure").await, 2);
        for _ in 0..3 {
            world.guess("10.0.0.2").await;
        }
        assert!(matches!(world.guess("10.0.0.2").await, Error::Throttled { .. }));
        world.test.clock.advance(31 * DAY);
        world.test.auth.sweep().await.unwrap();
        assert_eq!(world.count("auth_factor_failure").await, 0);
    }

    async fn wrong_codes_do_not_touch_the_passwords_of_the_account(db: &TestDatabase) {
        let world = World::new(db).await;
        for _ in 0..5 {
            world.guess("10.0.0.1").await;
        }
        assert!(matches!(world.guess("10.0.0.1").await, Error::Throttled { .. }));
        assert_eq!(world.count("auth_throttle").await, 0);
        world.challenge().await;
    }

    async fn after_the_last_one_no_code_is_taken_until_an_administrator_opens_it(db: &TestDatabase) {
        let world = World::with(db, |builder| builder.configure(|config| config.factors.max_failures = 6)).await;
        for _ in 0..6 {
            world.guess("10.0.0.1").await;
            world.test.clock.advance(DAY / 2);
        }
        let mut mails = world.test.mails().await;
        mails.sort_unstable();
        assert_eq!(mails, ["factor_locked", "second_factor_failed"]);
        assert_eq!(world.test.events.count("factor_locked"), 1);
        assert_refused!(world.right("10.0.0.9").await, Error::Refused(FACTOR_LOCKED));
        // Also when what was counted is forgotten.
        world.test.clock.advance(40 * DAY);
        world.test.auth.sweep().await.unwrap();
        assert_refused!(world.right("10.0.0.9").await, Error::Refused(FACTOR_LOCKED));
        assert!(world.test.mails().await.is_empty(), "told once");
        world.test.auth.unlock_factors(world.user.id, super::nobody()).await.unwrap();
        assert_eq!(world.test.events.count("factor_unlocked"), 1);
        world.right("10.0.0.9").await.unwrap();
    }

    async fn of_many_guesses_at_once_on_two_instances_no_more_are_looked_at_than_one_by_one(db: &TestDatabase) {
        let world = World::new(db).await;
        let other = TestAuth::instance(db, keys(), &world.test.clock, 5, |builder| builder).await;
        let code = wrong(&world.app.code());
        let mut tasks = Vec::new();
        for number in 0..40_u8 {
            let auth = if number % 2 == 0 { &world.test.auth } else { &other.auth };
            let challenge = challenged(auth.login(Login::new(EMAIL, PASSWORD)).await);
            let client = from(&format!("10.0.{number}.1"));
            let answer = Answer::new(challenge.auth_session, Method::Totp, code.clone()).client(client);
            let factors = auth.factors().unwrap();
            tasks.push(tokio::spawn(async move { factors.answer(answer).await }));
        }
        let mut looked_at = 0;
        for task in tasks {
            match task.await.unwrap() {
                Err(Error::Refused(INVALID_CODE)) => looked_at += 1,
                Err(Error::Throttled { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(looked_at, 5);
        assert_eq!(world.count("auth_factor_failure").await, 5);
    }

    async fn whoever_has_no_challenge_is_counted_in_the_network_and_locks_nobody_out(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut refused = 0;
        loop {
            let answer = Answer::new("no such thing", Method::Totp, "000000").client(from("10.0.0.1"));
            match world.factors().answer(answer).await {
                Err(Error::InvalidToken) => refused += 1,
                Err(Error::Throttled { .. }) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, 100);
        world.right("10.0.0.2").await.unwrap();
    }
}

/// Whatever the number of challenges, of instances and of networks.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_challenges_at_once_and_all_that_follow_a_hundred_guesses_are_looked_at() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(&db).await;
    let other = TestAuth::instance(&db, keys(), &world.test.clock, 5, |builder| builder).await;
    let instances = [&world.test.auth, &other.auth];
    let answers = async |how_many: u16| {
        let code = wrong(&world.app.code());
        let mut answers = Vec::new();
        for number in 0..how_many {
            let auth = instances[usize::from(number % 2)];
            let challenge = challenged(auth.login(Login::new(EMAIL, PASSWORD)).await);
            let client = from(&format!("10.{}.{}.1", number / 256, number % 256));
            let answer = Answer::new(challenge.auth_session, Method::Totp, code.clone()).client(client);
            answers.push((auth.factors().unwrap(), answer));
        }
        let tasks = answers
            .into_iter()
            .map(|(factors, answer)| tokio::spawn(async move { factors.answer(answer).await }));
        let (mut looked_at, mut locked) = (0, 0);
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Err(Error::Refused(INVALID_CODE)) => looked_at += 1,
                Err(Error::Refused(FACTOR_LOCKED)) => locked += 1,
                Err(Error::Throttled { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        (looked_at, locked)
    };
    let (mut looked_at, mut locked) = answers(1000).await;
    assert_eq!((looked_at, locked), (5, 0));
    while locked == 0 {
        world.test.clock.advance(900 * SECOND);
        let more = answers(3).await;
        (looked_at, locked) = (looked_at + more.0, more.1);
    }
    assert_eq!(looked_at, 100, "NIST SP 800-63B-4 section 3.2.2");
    assert_refused!(world.right("10.0.0.9").await, Error::Refused(FACTOR_LOCKED));
    db.drop_database().await;
}
