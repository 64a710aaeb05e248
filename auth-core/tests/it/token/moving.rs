//! Changes of keys and algorithms that refuse nobody: old and new instances side by side, one step at a time.

use auth_core::{Algorithm, Keys, PrivateKey, TokenVerifier, Tokens, test_util::ManualClock};
use auth_migration::test_util::TestDatabase;

use super::forge::{ED25519, P256, RSA, public};
use crate::support::{PAST_GRACE, TestAuth, keys, secret};

/// One server that was started with these keys, on a database and clock of all.
async fn instance(db: &TestDatabase, keys: Keys, clock: &ManualClock) -> TestAuth {
    TestAuth::instance(db, keys, clock, 2, |builder| builder).await
}

/// Every token good at either is good at both, and so is every refresh token: no false 401.
async fn agree(old: &TestAuth, new: &TestAuth) {
    for (one, other) in [(old, new), (new, old)] {
        let tokens = one.login().await;
        other.auth.verifier().verify(tokens.access.expose()).unwrap();
        one.clock.advance(PAST_GRACE);
        let tokens: Tokens = other.refresh(&tokens.refresh).await.unwrap();
        one.auth.verifier().verify(tokens.access.expose()).unwrap();
    }
}

/// A rollout: at each step some instances still run with the keys of the step before.
async fn walk(steps: &[Keys]) {
    let db = TestDatabase::sqlite().await;
    let clock = ManualClock::new();
    let first = instance(&db, steps[0].clone(), &clock).await;
    first.register().await;
    for pair in steps.windows(2) {
        let old = instance(&db, pair[0].clone(), &clock).await;
        let new = instance(&db, pair[1].clone(), &clock).await;
        agree(&old, &new).await;
        // Before the next step, as the manual says: one lifetime of an access token.
        clock.advance(old.auth.config().tokens.access_ttl);
    }
}

#[tokio::test]
async fn moving_from_hs256_to_eddsa_refuses_nobody() {
    let private = || PrivateKey::from_pem(ED25519).unwrap();
    walk(&[
        keys(),
        keys().also_verify(public(ED25519)),
        keys().private_key(private()).also_verify_hmac(Algorithm::Hs256),
        keys().private_key(private()),
    ])
    .await;
}

#[tokio::test]
async fn moving_back_from_eddsa_to_hs512_refuses_nobody() {
    let private = || PrivateKey::from_pem(ED25519).unwrap();
    walk(&[
        keys().private_key(private()),
        keys().private_key(private()).also_verify_hmac(Algorithm::Hs512),
        keys().algorithm(Algorithm::Hs512).also_verify(public(ED25519)),
        keys().algorithm(Algorithm::Hs512),
    ])
    .await;
}

#[tokio::test]
async fn changing_the_private_key_and_its_kind_refuses_nobody() {
    let with = |pem| keys().private_key(PrivateKey::from_pem(pem).unwrap());
    let other = PrivateKey::generate(Algorithm::EdDsa).unwrap().expose_pem();
    walk(&[
        with(ED25519),
        with(ED25519).also_verify(public(&other)),
        with(&other).also_verify(public(ED25519)),
        with(&other),
        with(&other).also_verify(public(P256)).also_verify(public(RSA)),
        with(P256).also_verify(public(&other)).also_verify(public(RSA)),
        with(RSA).also_verify(public(P256)),
        with(RSA),
    ])
    .await;
}

#[tokio::test]
async fn changing_the_secret_under_a_private_key_signs_nobody_out() {
    let private = || PrivateKey::from_pem(ED25519).unwrap();
    let with = |secret| Keys::new(secret).private_key(private());
    walk(&[with(secret(1)), with(secret(1)).previous(secret(2)), with(secret(2)).previous(secret(1))]).await;
}

#[tokio::test]
async fn keys_change_in_a_running_process_and_in_every_verifier_it_gave_away() {
    let db = TestDatabase::sqlite().await;
    let test = TestAuth::new(&db).await;
    test.register().await;
    let verifier = test.auth.verifier();
    let before = test.login().await;
    let private = keys().private_key(PrivateKey::from_pem(ED25519).unwrap());

    test.auth.set_keys(&private.clone().also_verify_hmac(Algorithm::Hs256)).unwrap();
    verifier.verify(before.access.expose()).unwrap();
    let after = test.refresh(&before.refresh).await.unwrap();
    verifier.verify(after.access.expose()).unwrap();
    assert!(test.auth.jwks().contains("Ed25519"));
    TokenVerifier::from_jwks(
        &test.auth.jwks(),
        test.auth.config().tokens.issuer.clone(),
        test.auth.config().tokens.audience.clone(),
    )
    .unwrap()
    .clock(test.auth.clock())
    .verify(after.access.expose())
    .unwrap();

    test.auth.set_keys(&private).unwrap();
    assert!(verifier.verify(before.access.expose()).is_err(), "its key is named no longer");
    verifier.verify(after.access.expose()).unwrap();

    let unusable = keys().algorithm(Algorithm::EdDsa);
    assert_eq!(test.auth.set_keys(&unusable).unwrap_err().setting(), "private key");
    verifier.verify(after.access.expose()).expect("a refused change changes nothing");
    verifier.verify(test.login().await.access.expose()).unwrap();
}

#[tokio::test]
async fn what_is_no_longer_named_is_no_longer_accepted() {
    let db = TestDatabase::sqlite().await;
    let clock = ManualClock::new();
    let before = instance(&db, keys(), &clock).await;
    let signed_by_the_secret = before.signed_in().await.access;
    let eddsa = keys().private_key(PrivateKey::from_pem(ED25519).unwrap());
    let signed_by_the_key = instance(&db, eddsa.clone(), &clock).await.login().await.access;
    let verify = |keys: &Keys, token: &auth_core::AccessToken| {
        let verifier = TokenVerifier::new(keys, "auth", "auth").unwrap();
        verifier.clock(std::sync::Arc::new(clock.clone())).verify(token.expose()).is_ok()
    };
    assert!(verify(&keys(), &signed_by_the_secret) && verify(&eddsa, &signed_by_the_key));
    // With a private key the secret makes no access tokens any more: who had it to verify cannot forge.
    assert!(!verify(&eddsa, &signed_by_the_secret));
    assert!(!verify(&eddsa.clone().also_verify_hmac(Algorithm::Hs512), &signed_by_the_secret));
    assert!(verify(&eddsa.clone().also_verify_hmac(Algorithm::Hs256), &signed_by_the_secret));
    assert!(!verify(&keys(), &signed_by_the_key));
    assert!(!verify(&keys().also_verify(public(P256)), &signed_by_the_key));
    assert!(verify(&keys().also_verify(public(ED25519)), &signed_by_the_key));
}
