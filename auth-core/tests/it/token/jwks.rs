//! What is published, and what is read of what others publish.

use std::sync::Arc;

use auth_core::{Algorithm, Auth, Keys, PrivateKey, TokenVerifier};
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};

use super::forge::{ED25519, Forge, P256, RSA, asymmetric, encode, private, public, with, without};
use crate::support::{keys, secret};

fn published(keys: Keys) -> String {
    Auth::builder(DatabaseConnection::default(), keys).build().unwrap().jwks()
}

fn parsed(json: &str) -> Vec<Value> {
    let set: Value = serde_json::from_str(json).unwrap();
    assert_eq!(set.as_object().unwrap().len(), 1);
    set["keys"].as_array().unwrap().clone()
}

#[test]
fn a_set_has_the_public_members_of_each_key_and_no_others() {
    let all = keys()
        .private_key(PrivateKey::from_pem(ED25519).unwrap())
        .also_verify(public(P256))
        .also_verify(public(RSA))
        .also_verify(public(ED25519))
        .also_verify(public(P256));
    let set = parsed(&published(all));
    assert_eq!(set.len(), 3, "each once");
    for (key, (pem, alg, members)) in set.iter().zip([
        (ED25519, "EdDSA", &["alg", "crv", "kid", "kty", "use", "x"][..]),
        (P256, "ES256", &["alg", "crv", "kid", "kty", "use", "x", "y"]),
        (RSA, "RS256", &["alg", "e", "kid", "kty", "n", "use"]),
    ]) {
        let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, members);
        assert_eq!((&key["alg"], &key["use"]), (&json!(alg), &json!("sig")));
        assert_eq!(key["kid"], public(pem).id());
    }
}

#[test]
fn a_secret_is_never_published() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let hmac = keys().algorithm(algorithm).previous(secret(2));
        assert_eq!(published(hmac), r#"{"keys":[]}"#);
    }
    let canary = b"canary-0123456789abcdef-0123456789abcdef-0123456789abcdef-canary".to_vec();
    let secret = || auth_core::SecretKey::new(canary.clone()).unwrap();
    for pem in [RSA, P256, ED25519] {
        let moving = Keys::new(secret())
            .previous(secret())
            .also_verify_hmac(Algorithm::Hs256)
            .also_verify_hmac(Algorithm::Hs512)
            .private_key(PrivateKey::from_pem(pem).unwrap());
        let set = published(moving);
        let canary = String::from_utf8(canary.clone()).unwrap();
        assert!(!set.contains(&canary) && !set.contains(&encode(&canary)) && !set.contains("oct"), "{set}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(parsed(&set).iter().all(|key| key.get(private).is_none()), "{private} in {set}");
        }
    }
}

#[tokio::test]
async fn another_service_verifies_with_the_published_set_alone() {
    for signing in asymmetric() {
        let forge = Forge::new(signing).await;
        let verifier = |issuer: &str, audience: &str| {
            let verifier = TokenVerifier::from_jwks(&forge.jwks, issuer, audience).unwrap();
            verifier.clock(Arc::new(forge.clock.clone())).verify(&forge.token())
        };
        assert_eq!(verifier("us", "them").unwrap().user_id().to_string(), forge.claims["sub"]);
        assert!(verifier("others", "them").is_err());
        assert!(verifier("us", "others").is_err());
    }
}

/// A set with one key of our own, changed.
struct Foreign {
    forge: Forge,
    key: Value,
}

impl Foreign {
    async fn new(pem: &str) -> Self {
        let forge = Forge::new(private(pem)).await;
        let key = parsed(&forge.jwks).remove(0);
        Self { forge, key }
    }

    /// Whether a set of these keys verifies our token; `Err` when the set is refused.
    fn verifies(&self, keys: &[Value]) -> Result<bool, String> {
        self.verifies_text(&json!({ "keys": keys }).to_string())
    }

    fn verifies_text(&self, set: &str) -> Result<bool, String> {
        let verifier =
            TokenVerifier::from_jwks(set, "us", "them").map_err(|error| error.problem().to_owned())?;
        Ok(verifier.clock(Arc::new(self.forge.clock.clone())).verify(&self.forge.token()).is_ok())
    }
}

#[tokio::test]
async fn a_key_that_is_not_meant_for_our_tokens_is_passed_over() {
    for (pem, other) in [(RSA, P256), (P256, ED25519), (ED25519, RSA)] {
        let foreign = Foreign::new(pem).await;
        let other = parsed(&published(keys().private_key(PrivateKey::from_pem(other).unwrap()))).remove(0);
        let key = &foreign.key;
        assert_eq!(foreign.verifies(&[other.clone(), key.clone()]), Ok(true));
        for fine in [
            without(key, "alg"),
            without(key, "use"),
            with(&without(key, "use"), "key_ops", json!(["verify"])),
            with(key, "key_ops", json!(["sign", "verify"])),
            with(key, "x5t", json!("ignored")),
        ] {
            assert_eq!(foreign.verifies(&[other.clone(), fine.clone()]), Ok(true), "{fine}");
        }
        let mut passed_over = vec![
            without(key, "kid"),
            with(key, "kid", json!(7)),
            without(key, "kty"),
            with(key, "kty", json!("AKP")),
            with(key, "use", json!("enc")),
            with(key, "use", json!(["sig"])),
            with(key, "key_ops", json!([])),
            with(key, "key_ops", json!(["encrypt"])),
            with(key, "key_ops", json!("verify")),
            with(key, "alg", json!("RS512")),
            with(key, "alg", json!("HS256")),
            with(key, "alg", json!("none")),
            with(key, "alg", json!("RSA-OAEP")),
            with(key, "alg", json!(["EdDSA"])),
            json!({}),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA", "x": 3}),
            json!({"kty": "EC", "crv": "secp256k1", "kid": "k", "x": "AA", "y": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "kid": "x", "x": "AA"}),
        ];
        if key.get("crv").is_some() {
            passed_over.push(with(key, "crv", json!("P-384")));
            passed_over.push(without(key, "crv"));
        }
        for entry in passed_over {
            assert_eq!(foreign.verifies(&[other.clone(), entry.clone()]), Ok(false), "{entry}");
            let alone = foreign.verifies(std::slice::from_ref(&entry));
            assert!(alone.is_err_and(|problem| problem.starts_with("has no key")), "{entry}");
        }
    }
}

#[tokio::test]
async fn a_set_that_cannot_be_right_is_refused_as_a_whole() {
    let short_rsa = {
        let public =
            jsonwebtoken::DecodingKey::from_rsa_pem(include_bytes!("pem/rsa2048_public.pem")).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_decoding_key(&public, None).unwrap();
        let short = with(&serde_json::to_value(jwk).unwrap(), "kid", json!("short"));
        with(&short, "n", json!(encode([0x7f; 256])))
    };
    for pem in [RSA, P256, ED25519] {
        let foreign = Foreign::new(pem).await;
        let key = &foreign.key;
        let number = if pem == RSA { "n" } else { "x" };
        let longer = format!("{}AAAA", key[number].as_str().unwrap());
        for (what, entry) in [
            ("two keys of one kid", key.clone()),
            ("a symmetric key", json!({"kty": "oct", "kid": "s", "k": encode([1; 32])})),
            ("a symmetric key without kid", json!({"kty": "oct"})),
            ("a private key", with(&with(key, "kid", json!("2")), "d", json!("AAAA"))),
            ("a private key of another use", with(&with(key, "use", json!("enc")), "d", json!("AAAA"))),
            ("a missing number", without(&with(key, "kid", json!("2")), number)),
            ("a number that is none", with(&with(key, "kid", json!("2")), number, json!(5))),
            ("an empty number", with(&with(key, "kid", json!("2")), number, json!(""))),
            ("padding", with(&with(key, "kid", json!("2")), number, json!("AAA="))),
            ("a short RSA key", short_rsa.clone()),
        ] {
            let verified = foreign.verifies(&[key.clone(), entry.clone()]);
            assert!(verified.is_err(), "{what}: {entry}");
        }
        if pem != RSA {
            let entry = with(&with(key, "kid", json!("2")), number, json!(longer));
            assert!(foreign.verifies(&[key.clone(), entry]).is_err(), "a long number");
        }
        let twice = format!(r#"{{"keys":[{}]}}"#, key.to_string().replacen('{', r#"{"kty":"oct","#, 1));
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[1]}"#,
            r#"{"keys":[]}"#,
            r#"{"keys":[],"keys":[]}"#,
            &twice,
            &"[".repeat(60_000),
            &format!(r#"{{"keys":[{key}]}}{}"#, " ".repeat(65_536)),
        ] {
            assert!(foreign.verifies_text(text).is_err(), "{}", &text[..text.len().min(80)]);
        }
        assert_eq!(foreign.verifies(std::slice::from_ref(key)), Ok(true));
    }
}
