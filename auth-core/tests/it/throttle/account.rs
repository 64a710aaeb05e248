use std::time::Duration;

use auth_core::{ClientInfo, Error, EventKind, Register, SignInFailure, ThrottleConfig, ThrottleReason};
use auth_migration::{each_database, test_util::TestDatabase};

use super::at;
use crate::{
    assert_refused,
    support::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestAuth},
};

each_database! {
    async fn after_ten_wrong_passwords_each_further_attempt_has_to_wait_whatever_the_password(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        for _ in 0..10 {
            assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        }
        let hashed = test.hasher.verifications();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let Err(Error::Throttled { retry_after }) = test.try_login(EMAIL, PASSWORD).await else {
                panic!("the right password is no way round a wait")
            };
            test.clock.advance(retry_after.saturating_sub(Duration::from_millis(1)));
            assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Throttled { .. });
            test.clock.advance(Duration::from_millis(1));
            assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
            waits.push(retry_after.as_secs());
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(test.hasher.verifications() - hashed, 10, "nothing was hashed during the waits");

        test.clock.advance(HOUR);
        test.login().await;
        assert_eq!(test.counted().await, 0);
        assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        test.login().await;
    }

    async fn eighty_guesses_reach_the_hasher_and_then_only_a_known_device_gets_in(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        let known = test.known_device().await;
        let before = test.hasher.verifications();
        // As patient as can be, from a new address each time.
        for host in 0..300 {
            let client = at(&format!("203.0.{}.{}", host / 250, host % 250));
            let wait = test.guess_until_throttled(&client, EMAIL).await;
            assert!(wait <= Duration::from_mins(15), "{wait:?}");
            test.clock.advance(wait);
        }
        assert_eq!(test.hasher.verifications() - before, 80, "a hundred less what known devices may have");
        assert_eq!(test.events.count("account_closed"), 1);
        assert!(test.events.kinds().contains(&EventKind::AccountClosed { user: Some(user) }));
        let last = EventKind::Throttled { user: Some(user), reason: ThrottleReason::AccountClosed };
        assert_eq!(test.events.kinds().last(), Some(&last));
        test.clock.advance(30 * DAY);
        test.auth.sweep().await.unwrap();
        assert_refused!(test.login_from(at("203.0.113.1"), EMAIL, PASSWORD).await, Error::Throttled { .. });

        test.login_from(known, EMAIL, PASSWORD).await.unwrap();
        test.login_from(at("203.0.113.1"), EMAIL, PASSWORD).await.expect("the owner has opened it");
    }

    async fn an_operator_can_open_an_account(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let user = test.register().await.id;
        test.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
        test.auth.unlock(user, ClientInfo::default()).await.unwrap();
        test.login().await;
        assert!(test.events.kinds().contains(&EventKind::Unlocked { user }));
        let stranger = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        assert_refused!(test.auth.unlock(stranger, ClientInfo::default()).await, Error::Refused(auth_core::refusal::USER_NOT_FOUND));
    }

    async fn to_open_one_account_opens_it_however_often_it_was_tried_and_no_other(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        let ada = test.register().await.id;
        test.auth.register(Register::new("bob@example.com", PASSWORD)).await.unwrap();
        for _ in 0..80 {
            for email in [EMAIL, "bob@example.com"] {
                assert_refused!(test.try_login(email, "wrong").await, Error::InvalidCredentials);
            }
            test.clock.advance(HOUR);
        }
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Throttled { .. });
        test.auth.unlock(ada, ClientInfo::default()).await.unwrap();
        assert_eq!(test.counted().await, 80, "Bob's");
        // As if nobody had ever tried.
        for _ in 0..10 {
            assert_refused!(test.try_login(EMAIL, "wrong").await, Error::InvalidCredentials);
        }
        assert_refused!(test.try_login(EMAIL, "wrong").await, Error::Throttled { .. });
        assert_refused!(test.try_login("bob@example.com", PASSWORD).await, Error::Throttled { .. });
        test.auth.unlock(ada, ClientInfo::default()).await.unwrap();
        test.login().await;
    }

    async fn unknown_and_disabled_accounts_are_throttled_like_any_other(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        let eve = test.auth.register(Register::new("eve@example.com", PASSWORD)).await.unwrap().id;
        test.auth.disable(eve, ClientInfo::default()).await.unwrap();
        let mut seen = Vec::new();
        for (email, password) in [(EMAIL, "wrong"), ("nobody@example.com", "wrong"), ("eve@example.com", PASSWORD)] {
            test.statements();
            let mut story = Vec::new();
            for attempt in 0..40 {
                let before = test.hasher.verifications();
                let outcome = test.try_login(email, password).await.unwrap_err();
                if attempt % 3 == 0 {
                    test.clock.advance(30 * SECOND);
                }
                story.push((format!("{outcome:?}"), test.hasher.verifications() - before, test.statements()));
            }
            assert!(story.iter().any(|(outcome, ..)| outcome.contains("Throttled")));
            seen.push(story);
        }
        assert_eq!(seen[0], seen[1]);
        assert_eq!(seen[0], seen[2]);
    }

    async fn each_failure_in_a_row_is_remembered_for_a_day_after_the_last_attempt(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        for (email, failures) in [("one@example.com", 1), ("nine@example.com", 9)] {
            for _ in 0..failures {
                test.try_login(email, "wrong").await.unwrap_err();
            }
        }
        let mut removed = Vec::new();
        for _ in 0..10 {
            test.clock.advance(DAY + SECOND);
            removed.push(test.auth.sweep().await.unwrap());
        }
        assert_eq!(removed, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(test.count("auth_throttle").await, 0);
    }

    async fn switched_off_nothing_is_counted_and_nobody_waits(db: &TestDatabase) {
        let test = TestAuth::with(db, |builder| builder.configure(|config| config.insecure_no_throttle = true)).await;
        test.register().await;
        for _ in 0..150 {
            let outcome = test.login_from(at("203.0.113.1"), EMAIL, "wrong").await;
            assert_refused!(outcome, Error::InvalidCredentials);
        }
        assert_eq!((test.hasher.verifications(), test.count("auth_throttle").await), (150, 0));
        test.statements();
        let tokens = test.login_from(at("203.0.113.1"), EMAIL, PASSWORD).await.unwrap();
        assert_eq!(test.statements().len(), 3, "with the note of a first sign-in");
        assert!(tokens.device.is_none());
    }

    async fn without_its_table_nobody_is_let_through_uncounted(db: &TestDatabase) {
        let test = TestAuth::new(db).await;
        test.register().await;
        test.execute("DROP TABLE auth_throttle").await;
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Internal(_));
        assert_eq!(test.hasher.verifications(), 0);
        test.db.clone().close().await.unwrap();
        assert_refused!(test.try_login(EMAIL, PASSWORD).await, Error::Unavailable(_));
        assert_eq!(test.hasher.verifications(), 0);
    }
}

#[tokio::test]
async fn settings_that_would_throttle_nobody_or_everybody_are_refused_by_name() {
    type Change = fn(&mut ThrottleConfig);
    let cases: &[(&str, Change)] = &[
        ("throttle.account_limit", |throttle| throttle.account_limit = 101),
        ("throttle.account_limit", |throttle| throttle.account_limit = 0),
        ("throttle.account_failures", |throttle| throttle.account_failures = 0),
        ("throttle.account_failures", |throttle| throttle.account_failures = 101),
        ("throttle.device_failures", |throttle| throttle.device_failures = 0),
        ("throttle.first_wait", |throttle| throttle.first_wait = Duration::ZERO),
        ("throttle.first_wait", |throttle| throttle.first_wait = HOUR),
        ("throttle.longest_wait", |throttle| throttle.longest_wait = 2 * DAY),
        ("throttle.network_failures", |throttle| throttle.network_failures = 0),
        ("throttle.network_refill", |throttle| throttle.network_refill = Duration::ZERO),
    ];
    let db = TestDatabase::sqlite().await;
    for (setting, change) in cases {
        let mut throttle = ThrottleConfig::default();
        change(&mut throttle);
        let builder = auth_core::Auth::builder(db.connect().await, crate::support::keys())
            .configure(|config| config.throttle = throttle);
        assert_eq!(builder.build().unwrap_err().setting(), *setting);
    }
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_told_to_the_log_and_not_to_the_client() {
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::new(&db).await;
    let user = test.register().await.id;
    test.guess_until_throttled(&at("203.0.113.1"), EMAIL).await;
    let kinds = test.events.kinds();
    let wrong = EventKind::SignInFailed { user: Some(user), reason: SignInFailure::WrongPassword };
    assert_eq!(kinds.iter().filter(|kind| **kind == wrong).count(), 10);
    let waits = EventKind::Throttled { user: Some(user), reason: ThrottleReason::AccountWait };
    assert_eq!(kinds.last(), Some(&waits));
    assert_eq!(format!("{}", test.try_login(EMAIL, PASSWORD).await.unwrap_err()), "too many attempts");
}

/// ASVS 2.1.3: the limits are written down, and what is written down is in force.
#[test]
fn the_page_on_throttling_tells_the_defaults() {
    let page = include_str!("../../../src/manual/throttling.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.split('|').map(str::trim).collect())
        .skip(2)
        .collect();
    let ThrottleConfig { account_failures, account_limit, first_wait, longest_wait, .. } =
        ThrottleConfig::default();
    let ThrottleConfig { device_failures, network_failures, network_refill, .. } = ThrottleConfig::default();
    let (first, longest) = (first_wait.as_secs(), longest_wait.as_secs() / 60);
    let (one, all) = ((network_refill / network_failures).as_secs(), network_refill.as_secs() / 60);
    let network = format!("{network_failures} at once, and one more every {one} s");
    let told: Vec<(&str, &str)> = rows.iter().map(|row| (row[3], row[4])).collect();
    assert_eq!(told[0].0, account_failures.to_string());
    let waits = format!(
        "each further attempt waits: {first} s, {} s, {} s and so on, at most {longest} min",
        2 * first,
        4 * first
    );
    assert_eq!(told[0].1, waits);
    assert_eq!(told[1].0, account_limit.to_string());
    assert_eq!(told[2].0, device_failures.to_string());
    assert_eq!(told[3].0, format!("{network}: all of them in {all} min"));
    assert!(told[4..].iter().all(|told| told.0 == network));
    assert_eq!(told.len(), 6);
}
