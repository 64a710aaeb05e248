//! To the ring and back, from a secret and from a private key of a file: old and new instances side by side.

use auth_core::{Algorithm, Keys, PrivateKey, Tokens, test_util::ManualClock};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{instance, ring};
use crate::support::{PAST_GRACE, TestAuth, keys};

/// Every token good at either is good at both, and so is every refresh token: no false 401.
async fn agree(old: &TestAuth, new: &TestAuth) {
    for (one, other) in [(old, new), (new, old)] {
        let tokens = one.login().await;
        assert!(other.accepts(&tokens.access) && one.accepts(&tokens.access));
        one.clock.advance(PAST_GRACE);
        let tokens: Tokens = other.refresh(&tokens.refresh).await.unwrap();
        assert!(one.accepts(&tokens.access) && other.accepts(&tokens.access));
    }
}

/// A rollout over all instances.
async fn roll_out(old: TestAuth, keys: Keys, db: &TestDatabase) -> TestAuth {
    let new = instance(db, keys, &old.clock).await;
    agree(&old, &new).await;
    new.clock.advance(new.auth.config().tokens.access_ttl);
    new
}

/// The same in processes that run on.
async fn reload(running: &TestAuth, keys: &Keys) {
    let before = running.login().await;
    running.auth.set_keys(keys).unwrap();
    assert!(running.accepts(&before.access));
    running.clock.advance(PAST_GRACE);
    let after = running.refresh(&before.refresh).await.unwrap();
    assert!(running.accepts(&after.access));
    running.clock.advance(running.auth.config().tokens.access_ttl);
}

async fn prepare(running: &TestAuth) -> String {
    let id = running.rotate().await.id;
    running.clock.advance(running.auth.config().tokens.key_publish_ahead);
    id
}

each_database! {
    async fn moving_from_hs256_to_the_ring_and_back_refuses_nobody(db: &TestDatabase) {
        let hs256 = instance(db, keys(), &ManualClock::new()).await;
        hs256.register().await;
        let id = prepare(&hs256).await;
        let both = roll_out(hs256, ring().also_verify_hmac(Algorithm::Hs256), db).await;
        let only = roll_out(both, ring(), db).await;
        let back = roll_out(only, ring().also_verify_hmac(Algorithm::Hs256), db).await;
        let hs256 = roll_out(back, keys(), db).await;
        assert_eq!(hs256.published(), [id.as_str()], "accepted until it is revoked");
        hs256.revoke(&id).await;
        assert_eq!(hs256.published(), [""; 0]);
    }

    async fn moving_from_a_file_to_the_ring_and_back_refuses_nobody(db: &TestDatabase) {
        let private = PrivateKey::generate(Algorithm::Es256).unwrap();
        let public = private.public_key().clone();
        let file = || keys().private_key(private.clone());
        let old = instance(db, file(), &ManualClock::new()).await;
        old.register().await;
        let id = prepare(&old).await;
        let both = roll_out(old, ring().also_verify(public.clone()), db).await;
        let only = roll_out(both, ring(), db).await;
        let announced = roll_out(only, ring().also_verify(public.clone()), db).await;
        let back = roll_out(announced, file(), db).await;
        back.revoke(&id).await;
        assert_eq!(back.published(), [public.id()]);
    }

    async fn a_running_process_moves_to_the_ring_and_back(db: &TestDatabase) {
        let test = instance(db, keys(), &ManualClock::new()).await;
        test.register().await;
        let too_early = test.auth.set_keys(&ring()).unwrap_err();
        assert_eq!((too_early.setting(), too_early.problem().contains("no key yet")), ("algorithm", true));
        test.login().await;

        let id = prepare(&test).await;
        reload(&test, &ring().also_verify_hmac(Algorithm::Hs256)).await;
        reload(&test, &ring()).await;
        assert_eq!(super::kid(&test.login().await.access), id);
        reload(&test, &ring().also_verify_hmac(Algorithm::Hs256)).await;
        reload(&test, &keys()).await;
    }
}

#[test]
fn other_services_do_not_share_the_ring() {
    let refused = auth_core::TokenVerifier::new(&ring(), "us", "them").unwrap_err();
    assert_eq!(refused.problem(), "is in the key ring; verify with the JWK set that the issuer publishes");
}

#[test]
fn a_secret_has_no_ring() {
    let db = sea_orm::DatabaseConnection::default();
    let refused = auth_core::Auth::builder(db, keys().key_ring(Algorithm::Hs256)).build().unwrap_err();
    assert_eq!(refused.setting(), "algorithm");
}
