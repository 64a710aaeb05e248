use auth_core::{Error, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{instance, kid, ring};
use crate::{
    assert_refused,
    support::{SECOND, TestAuth, keys},
};

each_database! {
    async fn a_revoked_key_is_refused_at_once_here_and_elsewhere_from_the_next_poll(db: &TestDatabase) {
        let one = instance(db, ring(), &ManualClock::new()).await;
        let other = instance(db, ring(), &one.clock).await;
        let tokens = one.signed_in().await;
        one.clock.advance(SECOND);
        let revoked = kid(&tokens.access);
        one.revoke(&revoked).await;
        assert!(!one.accepts(&tokens.access) && !one.published().contains(&revoked));
        assert!(other.accepts(&tokens.access), "the other has not asked yet");

        other.auth.poll_keys().await.unwrap();
        assert!(!other.accepts(&tokens.access) && !other.published().contains(&revoked));
        // Nobody is signed out: refresh tokens do not hang on the ring.
        let renewed = other.refresh(&tokens.refresh).await.unwrap().access;
        assert!(one.accepts(&renewed) && other.accepts(&renewed));
        let fresh = kid(&renewed);
        assert_eq!(one.ring().await, [(fresh, "active"), (revoked, "revoked")]);
    }

    async fn the_one_added_next_takes_the_place_early(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        let (active, next) = (test.ring().await[0].0.clone(), test.rotate().await.id);
        test.clock.advance(SECOND);
        test.revoke(&active).await;
        assert_eq!(kid(&test.login().await.access), next);
        assert_eq!(test.count("auth_key").await, 2);
        test.clock.advance(test.auth.config().tokens.key_publish_ahead);
        assert_eq!(kid(&test.login().await.access), next, "and keeps it");
    }

    async fn a_key_that_is_revoked_before_its_turn_never_has_one(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        let (active, next) = (test.ring().await[0].0.clone(), test.rotate().await.id);
        test.revoke(&next).await;
        assert_eq!(test.published(), [active.as_str()]);
        for _ in 0..3 {
            assert_eq!(kid(&test.login().await.access), active);
            test.clock.advance(test.auth.config().tokens.key_publish_ahead);
            test.auth.poll_keys().await.unwrap();
        }
        test.clock.advance(crate::support::HOUR);
        test.auth.sweep().await.unwrap();
        assert_eq!(test.ring().await, [(active, "active")]);
    }

    async fn a_key_that_was_relieved_does_not_come_back_for_a_revoked_one(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        let (first, second) = (test.ring().await[0].0.clone(), test.rotate().await.id);
        test.clock.advance(test.auth.config().tokens.key_publish_ahead + SECOND);
        test.revoke(&second).await;
        let third = kid(&test.login().await.access);
        assert!(third != first && third != second);
        assert_eq!(
            test.ring().await,
            [(first, "retired"), (third, "active"), (second, "revoked")]
        );
    }

    async fn revoking_is_idempotent_tells_of_a_key_that_is_not_there_and_leaves_nothing_to_decrypt(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        let id = test.ring().await[0].0.clone();
        assert_refused!(test.auth.key_ring().revoke("nobody").await, Error::Refused(auth_core::refusal::KEY_NOT_FOUND));
        test.revoke(&id).await;
        test.revoke(&id).await;
        assert_eq!(test.events.count("key_revoked"), 1);
        assert_eq!(test.events.count("key_added"), 2);
assert_eq!(test.count("auth_key WHERE LENGTH(private_key) = 0").await, 1);
        assert_eq!(test.count("auth_key WHERE LENGTH(private_key) > 48").await, 1);
    }

    async fn where_the_ring_does_not_sign_nobody_makes_a_key_for_it(db: &TestDatabase) {
        let test = TestAuth::instance(db, keys(), &ManualClock::new(), 5, |builder| builder).await;
        test.auth.poll_keys().await.unwrap();
        assert_eq!(test.count("auth_key").await, 0);
        let only = test.rotate().await.id;
        test.revoke(&only).await;
        assert_eq!(test.published(), [""; 0]);
        assert_eq!(test.ring().await, [(only, "revoked")]);
    }
}
