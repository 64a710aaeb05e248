//! Every algorithm × everything that can be wrong with a token: only the token that was issued is accepted.

use std::time::Duration;

use auth_core::{ClientInfo, Error, RefreshToken};
use auth_migration::test_util::TestDatabase;
use serde_json::{Value, json};

use super::forge::{ED25519, Forge, Signing, decode, encode, every, private, with, without};
use crate::{
    assert_refused,
    support::{SECOND, TestAuth, secret},
};

#[tokio::test]
async fn an_issued_token_has_the_documented_shape() {
    for forge in Forge::every().await {
        let algorithm = forge.signing.algorithm;
        assert_eq!(forge.header["alg"], algorithm.name());
        assert_eq!(forge.header["typ"], "at+jwt");
        assert_eq!(forge.header.as_object().unwrap().len(), 3, "alg, typ, kid: {}", forge.header);
        let mut claims: Vec<_> = forge.claims.as_object().unwrap().keys().cloned().collect();
        claims.sort();
        assert_eq!(
            claims,
            ["acr", "amr", "aud", "auth_time", "exp", "iat", "iss", "jti", "roles", "sid", "sub"]
        );
        assert_eq!((&forge.claims["iss"], &forge.claims["aud"]), (&json!("us"), &json!("them")));
        assert_eq!(forge.claims["exp"].as_i64().unwrap() - forge.claims["iat"].as_i64().unwrap(), 15 * 60);
        forge.accepts(&forge.token());
    }
}

#[tokio::test]
async fn each_changed_claim_is_refused_though_the_signature_is_good() {
    for forge in Forge::every().await {
        let now = forge.claims["iat"].as_i64().unwrap();
        for name in ["iss", "aud", "sub", "sid", "jti", "iat", "exp", "auth_time", "roles", "amr"] {
            forge.refuses(name, &forge.sign(&forge.header, &without(&forge.claims, name)));
        }
        for (name, value) in [
            ("iss", json!("others")),
            ("iss", json!(["us"])),
            ("iss", json!("")),
            ("iss", json!("us ")),
            ("aud", json!("others")),
            ("aud", json!(["them"])),
            ("aud", json!(null)),
            ("exp", json!(now)),
            ("exp", json!(now - 1)),
            ("exp", json!((now + 900).to_string())),
            ("exp", json!(4_102_444_800.5)),
            ("exp", json!(i64::MIN)),
            ("iat", json!(now + 61)),
            ("iat", json!(i64::MAX)),
            ("nbf", json!(now + 1)),
            ("nbf", json!("soon")),
            ("sub", json!("root")),
            ("sub", json!(1)),
            ("sid", json!("")),
            ("roles", json!("admin")),
            ("roles", json!([1])),
        ] {
            forge.refuses(&format!("{name} = {value}"), &forge.with_claim(name, value));
        }
        for (name, value) in [("iat", json!(now + 60)), ("nbf", json!(now)), ("unknown", json!({"a": 1}))] {
            forge.accepts(&forge.with_claim(name, value));
        }
    }
}

#[tokio::test]
async fn each_changed_header_is_refused_though_the_signature_is_good() {
    for forge in Forge::every().await {
        let own = forge.signing.algorithm.name();
        for name in ["alg", "typ", "kid"] {
            forge.refuses(name, &forge.sign(&without(&forge.header, name), &forge.claims));
        }
        for (name, value) in [
            ("kid", json!("../../etc/passwd")),
            ("kid", json!("")),
            ("kid", json!(null)),
            ("kid", json!([forge.header["kid"]])),
            ("typ", json!("JWT")),
            ("typ", json!("AT+JWT")),
            ("typ", json!("application/at+jwt")),
            ("typ", json!("rt+jwt")),
            ("alg", json!(own.to_lowercase() + " ")),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("crit", json!(null)),
        ] {
            forge.refuses(&format!("{name} = {value}"), &forge.with_header(name, value));
        }
        for other in [
            "none", "None", "nOnE", "", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
            "ES256", "ES384", "ES256K", "EdDSA", "Ed25519", "hs256", "rs256",
        ] {
            if other != own {
                forge.refuses(other, &forge.with_header("alg", json!(other)));
            }
        }
        let unencoded = with(&with(&forge.header, "b64", json!(false)), "crit", json!(["b64"]));
        forge.refuses("unencoded payload", &forge.sign(&unencoded, &forge.claims));
    }
}

#[tokio::test]
async fn wrong_keys_and_shapes_are_refused() {
    for forge in Forge::every().await {
        let good = forge.token();
        let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let none = encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        let none_with_kid = encode(with(&forge.header, "alg", json!("none")).to_string());
        let kid = &forge.header["kid"];
        let own = forge.signing.algorithm;
        let twice =
            encode(format!(r#"{{"alg":"none","alg":"{own}","typ":"at+jwt","typ":"at+jwt","kid":{kid}}}"#));
        let twice = format!("{twice}.{claims}");
        let mut flipped = decode(signature);
        flipped[0] ^= 1;
        for (what, token) in [
            ("no signature", format!("{header}.{claims}.")),
            ("no signature part", format!("{header}.{claims}")),
            ("a changed signature", format!("{header}.{claims}.{}", encode(&flipped))),
            ("a cut signature", format!("{header}.{claims}.{}", &signature[..20])),
            (
                "a longer signature",
                format!("{header}.{claims}.{}", encode([&decode(signature)[..], &[0]].concat())),
            ),
            ("a zero signature", format!("{header}.{claims}.{}", encode(vec![0; flipped.len()]))),
            ("a padded signature", format!("{good}=")),
            ("one part too many", format!("{good}.{claims}")),
            ("alg none", format!("{none}.{claims}.")),
            ("alg none and our kid", format!("{none_with_kid}.{claims}.")),
            ("alg none, our kid, our signature", format!("{none_with_kid}.{claims}.{signature}")),
            ("repeated header members", format!("{twice}.{}", forge.signing.sign(&twice))),
            ("empty", String::new()),
            ("dots", "..".to_owned()),
            ("spaces around", format!(" {good} ")),
            (
                "JSON serialisation",
                json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
            ),
            ("not ASCII", "é".repeat(50)),
        ] {
            forge.refuses(what, &token);
        }
        forge.accepts(&good);
    }
}

#[tokio::test]
async fn a_token_of_one_algorithm_is_refused_by_every_other() {
    let forges = Forge::every().await;
    for other in &forges {
        for forge in forges.iter().filter(|forge| forge.signing.algorithm != other.signing.algorithm) {
            let what = format!("a token of {}", other.signing.algorithm);
            forge.refuses(&what, &other.token());
            // And when it names our key and algorithm, but is signed by the other's.
            forge.refuses(&format!("{what} under our kid"), &other.sign(&forge.header, &other.claims));
        }
    }
}

#[tokio::test]
async fn a_token_of_another_key_of_the_same_kind_is_refused() {
    use auth_core::{Algorithm, PrivateKey};
    for forge in Forge::every().await {
        let algorithm = forge.signing.algorithm;
        let other = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => Signing::hmac(algorithm, secret(2)),
            // Making one takes seconds in a debug build; this one is as good, and too short for us to use.
            Algorithm::Rs256 => forge.signing.clone().with_key(include_str!("pem/rsa2048.pem")),
            _ => forge.signing.clone().with_key(&PrivateKey::generate(algorithm).unwrap().expose_pem()),
        };
        let token = forge.signed_by(&other, &forge.header, &forge.claims);
        forge.refuses("another key under our kid", &token);
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_used() {
    for forge in Forge::every().await {
        let mine = private(ED25519);
        let jwk = json!({"kty": "oct", "k": encode(secret(1).expose())});
        let url = json!("https://attacker.invalid/jwks.json");
        for (name, value) in [("jwk", jwk), ("jku", url.clone()), ("x5u", url), ("x5c", json!(["MIIB"]))] {
            let header = with(&forge.header, name, value);
            // Signed by the genuine key it may be ignored or refused, but never followed.
            let _ = forge.verifier().verify(&forge.sign(&header, &forge.claims));
            let header = with(&with(&header, "kid", json!("mine")), "alg", json!("EdDSA"));
            forge.refuses(name, &forge.signed_by(&mine, &header, &forge.claims));
        }
    }
}

#[tokio::test]
async fn an_oversized_token_is_refused_though_it_is_genuine() {
    for forge in Forge::every().await {
        forge.accepts(&forge.with_claim("padding", json!("x".repeat(5000))));
        forge.refuses("oversize", &forge.with_claim("padding", json!("x".repeat(7000))));
    }
}

#[tokio::test]
async fn a_token_ends_to_the_second_and_leeway_is_opt_in() {
    for forge in Forge::every().await {
        let token = forge.token();
        let lenient = forge.verifier().leeway(Duration::from_secs(5));
        forge.clock.advance(899 * SECOND);
        forge.accepts(&token);
        forge.clock.advance(SECOND);
        forge.refuses("expired", &token);
        forge.clock.advance(4 * SECOND);
        lenient.verify(&token).unwrap();
        forge.clock.advance(SECOND);
        assert_refused!(lenient.verify(&token), Error::InvalidToken);
    }
}

#[tokio::test]
async fn each_kind_of_token_passes_its_own_door_only() {
    let nobody = ClientInfo::default;
    for signing in every() {
        let db = TestDatabase::sqlite().await;
        let test = TestAuth::instance(
            &db,
            signing.keys.clone(),
            &auth_core::test_util::ManualClock::new(),
            1,
            |builder| builder,
        )
        .await;
        let tokens = test.signed_in().await;
        let (access, refresh) = (tokens.access.expose(), tokens.refresh.expose());
        test.auth.verifier().verify(access).unwrap();
        assert_refused!(test.auth.verifier().verify(refresh), Error::InvalidToken);
        let part = |n: usize| Value::from(access.split('.').nth(n).unwrap());
        for wrong in [access, part(1).as_str().unwrap(), part(2).as_str().unwrap()] {
            assert_refused!(test.auth.refresh(RefreshToken::new(wrong), nobody()).await, Error::InvalidToken);
            test.auth.logout(RefreshToken::new(wrong), nobody()).await.unwrap();
        }
        test.auth.refresh(tokens.refresh.clone(), nobody()).await.unwrap();
    }
}
