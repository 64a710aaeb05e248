use std::time::Duration;

use auth_core::{Algorithm, Error, KeyState, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{instance, kid, ring};
use crate::{
    assert_refused,
    support::{HOUR, SECOND, TestAuth, keys, polling},
};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_mins(1);

each_database! {
    async fn a_key_is_published_before_it_signs_and_accepted_until_its_last_token_ends(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        let first = kid(&test.login().await.access);
        assert_eq!(test.ring().await, [(first.clone(), "active")]);

        let added = test.rotate().await;
        let second = added.id;
        assert_eq!((added.algorithm, added.state), (Algorithm::EdDsa, KeyState::Next));
        assert_eq!(added.active_at, added.created_at + test.auth.config().tokens.key_publish_ahead);
        assert_eq!(test.published(), [first.clone(), second.clone()]);
        test.clock.advance(Duration::from_millis(6 * 60_000 - 1));
        let last_of_first = test.login().await.access;
        assert_eq!(kid(&last_of_first), first);

        // From here on nothing is polled: turns begin and end by the clock.
        test.clock.advance(MILLISECOND);
        let first_of_second = test.login().await.access;
        assert_eq!(kid(&first_of_second), second);
        assert_eq!(test.ring().await, [(first.clone(), "retired"), (second.clone(), "active")]);
        // `exp` is in whole seconds.
        test.clock.advance(Duration::from_secs(15 * 60 - 2));
        assert!(test.accepts(&last_of_first) && test.accepts(&first_of_second));
        test.clock.advance(2 * SECOND);
        assert!(!test.accepts(&last_of_first), "expired");
        assert_eq!(test.published(), [first, second.clone()], "an instance whose clock is behind may still sign with it");
        test.clock.advance(MINUTE);
        assert_eq!(test.published(), [second.as_str()]);
        assert_eq!(test.ring().await, [(second, "active")]);

        assert_eq!(test.count("auth_key").await, 2);
        test.clock.advance(5 * MINUTE);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.count("auth_key").await, 1);
    }

    async fn a_key_that_is_over_makes_no_token_that_is_accepted(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        let over = test.ring().await[0].0.clone();
        // Somebody has kept it, and gives its tokens any lifetime.
        let behind = ManualClock::new();
        let thief = TestAuth::instance(db, ring(), &behind, 2, |builder| builder.configure(|config| config.tokens.access_ttl = 24 * HOUR)).await;
        thief.auth.poll_keys().await.unwrap();
        test.rotate().await;
        test.clock.advance(Duration::from_millis((6 + 16) * 60_000 - 1));
        let forged = thief.login().await.access;
        assert_eq!(kid(&forged), over);
        assert!(test.accepts(&forged), "its tokens may still live");
        test.clock.advance(MILLISECOND);
        assert!(!test.accepts(&forged));
    }

    async fn others_learn_of_a_key_by_their_next_poll_whatever_they_sign_with(db: &TestDatabase) {
        let one = instance(db, ring(), &ManualClock::new()).await;
        one.register().await;
        let by_ring = one.login().await.access;
        for keys in [ring(), keys(), keys().private_key(auth_core::PrivateKey::generate(Algorithm::Es256).unwrap())] {
            let other = TestAuth::instance(db, keys, &one.clock, 2, |builder| builder).await;
            assert!(!other.accepts(&by_ring), "not asked yet");
            other.auth.poll_keys().await.unwrap();
            assert!(other.accepts(&by_ring));
            assert!(other.published().contains(&kid(&by_ring)));
        }
    }

    async fn keys_that_are_known_get_their_turn_while_the_database_is_away(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        let tokens = test.signed_in().await;
        let next = test.rotate().await.id;
        test.execute("ALTER TABLE auth_key RENAME TO auth_gone").await;
        assert!(test.auth.poll_keys().await.is_err());
        test.clock.advance(test.auth.config().tokens.key_publish_ahead);
        assert!(test.auth.poll_keys().await.is_err());
        let access = test.refresh(&tokens.refresh).await.unwrap().access;
        assert_eq!(kid(&access), next);
        assert!(test.accepts(&access) && test.accepts(&tokens.access));
    }

    async fn the_algorithm_changes_with_the_next_turn(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        // As after a start with another setting.
        let other = instance(db, keys().key_ring(Algorithm::Es256), &test.clock).await;
        assert_eq!(kid(&other.login().await.access), test.ring().await[0].0, "the key that is there goes on");
        let next = other.auth.key_ring().rotate(Algorithm::Es256).await.unwrap();
        assert_eq!(next.algorithm, Algorithm::Es256);
        test.auth.poll_keys().await.unwrap();
        test.clock.advance(other.auth.config().tokens.key_publish_ahead);
        for one in [&test, &other] {
            let access = one.login().await.access;
            assert_eq!(kid(&access), next.id);
            assert!(test.accepts(&access) && other.accepts(&access));
        }
    }

    async fn a_ring_holds_no_more_keys_than_verifiers_read(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        for _ in 1..100 {
            test.rotate().await;
        }
        let full = test.auth.key_ring().rotate(Algorithm::EdDsa).await;
        assert_refused!(full, Error::Validation(_));
        auth_core::TokenVerifier::from_jwks(&test.auth.jwks(), "auth", "auth").unwrap();
        // Revoking is always possible, and makes room.
        let active = test.ring().await[0].0.clone();
        test.revoke(&active).await;
        test.rotate().await;
    }
}

#[tokio::test]
async fn an_hs_algorithm_has_no_keys_of_its_own() {
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::new(&db).await;
    assert_refused!(test.auth.key_ring().rotate(Algorithm::Hs256).await, Error::Validation(_));
    assert_eq!(test.count("auth_key").await, 0);
}

#[tokio::test]
async fn without_a_first_poll_nothing_is_signed_and_the_error_says_so() {
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::instance(&db, ring(), &ManualClock::new(), 2, |builder| builder).await;
    test.register().await;
    let refused = test.try_login(crate::support::EMAIL, crate::support::PASSWORD).await.unwrap_err();
    assert!(matches!(refused, Error::NoSigningKey), "{refused:?}");
    assert!(refused.to_string().contains("Auth::poll_keys"), "{refused}");
    test.auth.poll_keys().await.unwrap();
    test.login().await;
}

#[tokio::test]
async fn a_watch_keeps_asking() {
    let db = TestDatabase::sqlite().await;
    let one = instance(&db, ring(), &ManualClock::new()).await;
    let other = TestAuth::instance(&db, ring(), &one.clock, 2, polling).await;
    let auth = other.auth.clone();
    let watch = tokio::spawn(async move { auth.run_background().await });
    for count in 1..3 {
        while other.published().len() < count {
            tokio::task::yield_now().await;
        }
        one.rotate().await;
    }
    watch.abort();
}

#[test]
fn how_long_a_key_is_published_ahead_is_bounded_and_a_sixth_of_it_is_no_cache_time() {
    let with = |ahead| {
        let builder = auth_core::Auth::builder(sea_orm::DatabaseConnection::default(), ring());
        builder.configure(|config| config.tokens.key_publish_ahead = ahead).build()
    };
    for wrong in
        [Duration::ZERO, Duration::from_millis(999), Duration::from_hours(7 * 24) + SECOND, Duration::MAX]
    {
        assert_eq!(with(wrong).unwrap_err().setting(), "tokens.key_publish_ahead");
    }
    assert_eq!(with(12 * SECOND).unwrap().config().tokens.jwks_max_age(), 10 * SECOND);
    assert_eq!(auth_core::TokenConfig::default().jwks_max_age(), 5 * MINUTE);
}
