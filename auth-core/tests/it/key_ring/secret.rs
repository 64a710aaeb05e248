//! The secret that the keys of the ring are encrypted under.

use auth_core::{Algorithm, Error, Keys, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{instance, kid, ring};
use crate::support::{HOUR, PAST_GRACE, SECOND, TestAuth, secret};

fn ring_of(newest: u8, previous: &[u8]) -> Keys {
    let keys = Keys::new(secret(newest)).key_ring(Algorithm::EdDsa);
    previous.iter().fold(keys, |keys, byte| keys.previous(secret(*byte)))
}

/// The poll fails by the secret, and tells which key it is about.
async fn cannot_decrypt(test: &TestAuth, id: &str) {
    match test.auth.poll_keys().await {
        Err(Error::Config(error)) => {
            assert_eq!(error.setting(), "secret key");
            assert!(error.problem().contains(id), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

each_database! {
    async fn without_the_secret_of_the_ring_nothing_is_signed_and_nothing_made(db: &TestDatabase) {
        let test = instance(db, ring(), &ManualClock::new()).await;
        test.register().await;
        let access = test.login().await.access;
        let stranger = TestAuth::instance(db, ring_of(9, &[]), &test.clock, 2, |builder| builder).await;
        cannot_decrypt(&stranger, &kid(&access)).await;
        assert!(!stranger.accepts(&access));
        assert!(stranger.try_login(crate::support::EMAIL, crate::support::PASSWORD).await.is_err());
        assert_eq!(test.count("auth_key").await, 1);
        // The way out of a lost secret.
        test.clock.advance(SECOND);
        stranger.revoke(&kid(&access)).await;
        stranger.login().await;
    }

    async fn a_row_that_somebody_has_changed_is_not_taken_and_who_knew_it_before_goes_on(db: &TestDatabase) {
        for change in ["id = 'mine'", "algorithm = 'ES256'", "private_key = wrapped_by", "wrapped_by = 'mine'"] {
            let test = instance(db, ring(), &ManualClock::new()).await;
            let column = change.split(' ').next().unwrap();
            // PostgreSQL does not take text for bytes by itself.
            let change = if test.db.get_database_backend() == sea_orm::DbBackend::Postgres {
                change.replace("= wrapped_by", "= convert_to(wrapped_by, 'UTF8')")
            } else {
                change.to_owned()
            };
            test.execute(&format!("UPDATE auth_key SET {change}")).await;
            let fresh = TestAuth::instance(db, ring(), &test.clock, 2, |builder| builder).await;
            assert!(matches!(fresh.auth.poll_keys().await, Err(Error::Config(_))), "{column}");
            assert_eq!(fresh.published(), [""; 0], "{column}");
            if column != "id" {
                test.auth.poll_keys().await.unwrap();
                assert_eq!(test.published().len(), 1, "{column}");
            }
            test.execute("DELETE FROM auth_key").await;
        }
    }

    async fn the_secret_changes_under_the_ring_and_nobody_is_signed_out(db: &TestDatabase) {
        let clock = ManualClock::new();
        let first = instance(db, ring_of(1, &[]), &clock).await;
        first.register().await;
        let mut old = first;
        for (keys, rotates) in [
            (ring_of(1, &[2]), false),
            (ring_of(2, &[1]), false),
            // After all instances have the new secret.
            (ring_of(2, &[1]), true),
            (ring_of(2, &[]), false),
        ] {
            let new = instance(db, keys, &clock).await;
            if rotates {
                new.rotate().await;
                old.auth.poll_keys().await.unwrap();
                clock.advance(new.auth.config().tokens.key_publish_ahead);
            }
            for (one, other) in [(&old, &new), (&new, &old)] {
                let tokens = one.login().await;
                assert!(other.accepts(&tokens.access));
                clock.advance(PAST_GRACE);
                assert!(one.accepts(&other.refresh(&tokens.refresh).await.unwrap().access));
            }
            clock.advance(HOUR);
            old = new;
        }
    }

    async fn a_running_process_does_not_give_up_the_secret_of_a_key_that_is_needed(db: &TestDatabase) {
        let test = instance(db, ring_of(1, &[]), &ManualClock::new()).await;
        test.register().await;
        let first = test.ring().await[0].0.clone();
        let refused = test.auth.set_keys(&ring_of(2, &[])).unwrap_err();
        assert_eq!(refused.setting(), "secret key");
        assert!(refused.problem().contains(&first), "{refused}");
        assert_eq!(kid(&test.login().await.access), first);

        test.auth.set_keys(&ring_of(2, &[1])).unwrap();
        assert!(test.auth.set_keys(&ring_of(2, &[])).is_err(), "the key still hangs on the old one");
        test.rotate().await;
        test.clock.advance(test.auth.config().tokens.key_publish_ahead);
        assert!(test.auth.set_keys(&ring_of(2, &[])).is_err(), "and may have signed a moment ago");
        test.clock.advance(HOUR);
        test.auth.set_keys(&ring_of(2, &[])).unwrap();
        test.login().await;
        instance(db, ring_of(2, &[]), &test.clock).await;
    }

    async fn a_key_that_cannot_be_decrypted_leaves_the_others_as_they_are(db: &TestDatabase) {
        let test = instance(db, ring_of(1, &[]), &ManualClock::new()).await;
        test.register().await;
        let stranger = instance(db, ring_of(2, &[1]), &test.clock).await;
        let (active, next) = (test.ring().await[0].0.clone(), test.rotate().await.id);
        let unreadable = stranger.rotate().await.id;
        cannot_decrypt(&test, &unreadable).await;
        assert_eq!(test.published(), [active.clone(), next.clone()]);
        // Also then what is revoked is revoked.
        test.clock.advance(SECOND);
        let access = test.login().await.access;
        test.revoke(&active).await;
        cannot_decrypt(&test, &unreadable).await;
        assert!(!test.accepts(&access));
        assert_eq!(kid(&test.login().await.access), next);
        // Until somebody names the secret.
        test.auth.set_keys(&ring_of(1, &[2])).unwrap();
        test.auth.poll_keys().await.unwrap();
        assert_eq!(test.published(), [next, unreadable]);
    }
}
