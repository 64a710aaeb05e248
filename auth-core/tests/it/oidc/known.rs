//! What is known of an issuer: when it is asked for, how long it is kept, and what is not believed of it.

use std::{sync::Arc, time::Duration};

use auth_core::oidc::{Failure, Start};
use auth_migration::test_util::TestDatabase;
use serde_json::{Value, json};

use super::{
    World,
    issuer::{Edit, Person, SOON, Sign, Trick, new_key, set},
};
use crate::support::{EMAIL, HOUR, SECOND, TestAuth, keys};

const DOCUMENT: &str = "/.well-known/openid-configuration";

fn ada() -> Person {
    Person::new("1", EMAIL)
}

async fn start(world: &World) -> Result<(), Failure> {
    let begun = tokio::time::timeout(SOON, world.oidc().start(Start::new("idp"))).await.unwrap();
    match begun {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::of(&error).unwrap_or_else(|| panic!("{error:?}"))),
    }
}

#[tokio::test]
async fn document_and_keys_are_asked_for_once_an_hour() {
    let world = World::on_sqlite().await;
    assert_eq!(world.issuer.requests(), [""; 0], "not before anybody wants to sign in");
    for _ in 0..3 {
        world.sign_in(&ada()).await;
    }
    let asked = world.issuer.requests();
    let expected = [&format!("GET {DOCUMENT}")[..], "GET /jwks", "POST /token", "POST /token", "POST /token"];
    assert_eq!(asked, expected);
    world.test.clock.advance(HOUR);
    world.sign_in(&ada()).await;
    assert_eq!(world.issuer.requests().len(), 3);
}

#[tokio::test]
async fn a_new_key_is_learnt_with_its_first_token_but_not_more_often_than_every_five_seconds() {
    let world = World::on_sqlite().await;
    world.sign_in(&ada()).await;
    world.issuer.does(|behaviour| {
        behaviour.sign = Sign::UnknownKey;
        behaviour.keys = std::sync::Arc::new(|keys| keys["keys"].as_array_mut().unwrap().push(new_key()));
    });
    world.issuer.requests();
    assert_eq!(world.refusal(&ada()).await, Failure::IdTokenKey, "asked a moment ago");
    assert_eq!(world.issuer.requests(), ["POST /token"]);
    world.test.clock.advance(5 * SECOND);
    world.sign_in(&ada()).await;
    world.issuer.does(|behaviour| behaviour.header = set("kid", json!("nobody's")));
    world.issuer.requests();
    for _ in 0..3 {
        assert_eq!(world.refusal(&ada()).await, Failure::IdTokenKey);
    }
    assert_eq!(world.issuer.requests(), ["POST /token"; 3]);
}

#[tokio::test]
async fn a_provider_that_is_away_is_told_at_once_and_keeps_nobody_else() {
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert(DOCUMENT, Trick::Silence)));
    let began = tokio::time::Instant::now();
    let many: Vec<_> = (0..8)
        .map(|_| {
            let oidc = world.oidc();
            tokio::spawn(async move { oidc.start(Start::new("idp")).await })
        })
        .collect();
    // Meanwhile a password signs in.
    world.test.signed_in().await;
    for one in many {
        let failure = one.await.unwrap().err().as_ref().and_then(Failure::of);
        assert_eq!(failure, Some(Failure::ProviderUnavailable));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "they did not wait one after the other");
    world.issuer.does(|behaviour| behaviour.tricks.clear());
    assert_eq!(start(&world).await, Err(Failure::ProviderUnavailable), "for a moment nobody tries");
    world.test.clock.advance(5 * SECOND);
    assert_eq!(start(&world).await, Ok(()));
}

#[tokio::test]
async fn a_provider_that_takes_its_time_to_fail_is_left_alone_for_a_while_after_it() {
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert(DOCUMENT, Trick::Takes(5 * SECOND))));
    assert_eq!(start(&world).await, Err(Failure::ProviderUnavailable));
    world.issuer.requests();
    world.test.clock.advance(Duration::from_millis(4999));
    assert_eq!(start(&world).await, Err(Failure::ProviderUnavailable));
    assert_eq!(world.issuer.requests(), [""; 0], "nobody asks, and nobody waits");
    world.issuer.does(|behaviour| behaviour.tricks.clear());
    world.test.clock.advance(Duration::from_millis(1));
    assert_eq!(start(&world).await, Ok(()));
}

#[tokio::test]
async fn while_one_tries_a_provider_that_is_away_nobody_waits_behind_them() {
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert(DOCUMENT, Trick::Status(503))));
    assert_eq!(start(&world).await, Err(Failure::ProviderUnavailable));
    world.test.clock.advance(5 * SECOND);
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert(DOCUMENT, Trick::Silence)));
    let oidc = world.oidc();
    let first = tokio::spawn(async move { oidc.start(Start::new("idp")).await });
    world.issuer.requests();
    while world.issuer.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert_eq!(start(&world).await, Err(Failure::ProviderUnavailable));
    }
    assert!(!first.is_finished(), "they were told while it still tried");
}

#[tokio::test]
async fn while_one_asks_anew_the_others_go_on_with_what_is_known() {
    let world = World::on_sqlite().await;
    assert_eq!(start(&world).await, Ok(()));
    world.test.clock.advance(HOUR);
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert(DOCUMENT, Trick::Silence)));
    let oidc = world.oidc();
    let first = tokio::spawn(async move { oidc.start(Start::new("idp")).await });
    world.issuer.requests();
    while world.issuer.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(start(&world).await, Ok(()));
    assert!(!first.is_finished());
}

/// Keys as some issuers have them: without `kid`.
fn nameless(keys: &mut Value) {
    for key in keys["keys"].as_array_mut().unwrap() {
        key.as_object_mut().unwrap().remove("kid");
    }
}

#[tokio::test]
async fn among_keys_without_a_name_the_signature_decides_and_a_key_of_another_name_is_none() {
    let other = |keys: &mut Value| keys["keys"].as_array_mut().unwrap().insert(0, new_key());
    for (keys, sign, expected) in [
        (Arc::new(nameless) as Edit, Sign::EdDsa, Ok(())),
        (Arc::new(nameless), Sign::Rs256, Ok(())),
        (Arc::new(nameless), Sign::OtherKey, Err(Failure::IdTokenSignature)),
        // The first of two is the wrong one.
        (
            Arc::new(move |keys: &mut Value| {
                other(keys);
                nameless(keys);
            }),
            Sign::EdDsa,
            Ok(()),
        ),
        // Its key is there, under another name.
        (Arc::new(other), Sign::OtherKey, Err(Failure::IdTokenSignature)),
        (
            Arc::new(|keys: &mut Value| keys["keys"][0]["kid"] = json!("x")),
            Sign::EdDsa,
            Err(Failure::IdTokenKey),
        ),
        // Of its name there is one, of another kind: those without a name are not tried then.
        (
            Arc::new(|keys: &mut Value| {
                keys["keys"][0].as_object_mut().unwrap().remove("kid");
                keys["keys"][2]["kid"] = json!("ed");
            }),
            Sign::EdDsa,
            Err(Failure::IdTokenKey),
        ),
    ] {
        let world = World::on_sqlite().await;
        world.issuer.does(|behaviour| (behaviour.keys, behaviour.sign) = (keys, sign));
        match (world.arrive(&ada()).await, expected) {
            (Ok(_), Ok(())) => {}
            (outcome, Err(expected)) => assert_eq!(super::refused(outcome), expected, "{sign:?}"),
            (outcome, Ok(())) => panic!("{sign:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_new_key_without_a_name_is_learnt_with_its_first_token_too() {
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| behaviour.keys = Arc::new(nameless));
    world.sign_in(&ada()).await;
    world.test.clock.advance(5 * SECOND);
    world.issuer.does(|behaviour| {
        behaviour.sign = Sign::UnknownKey;
        behaviour.keys = Arc::new(|keys| {
            keys["keys"][0] = new_key();
            nameless(keys);
        });
    });
    world.sign_in(&ada()).await;
}

#[tokio::test]
async fn what_is_known_is_used_on_while_the_provider_is_away_for_a_day() {
    let world = World::on_sqlite().await;
    world.sign_in(&ada()).await;
    world.issuer.does(|behaviour| drop(behaviour.tricks.insert(DOCUMENT, Trick::Status(503))));
    world.test.clock.advance(2 * HOUR);
    world.sign_in(&ada()).await;
    world.test.clock.advance(24 * HOUR);
    assert_eq!(start(&world).await, Err(Failure::ProviderUnavailable));
    // An answer that is wrong is none that was lost.
    world.issuer.does(|behaviour| {
        behaviour.tricks.clear();
        behaviour.document = set("issuer", json!("https://evil.example"));
    });
    world.test.clock.advance(HOUR);
    assert_eq!(start(&world).await, Err(Failure::ProviderAnswerInvalid));
}

#[tokio::test]
async fn a_document_that_is_not_right_is_not_used() {
    let port_of_nobody = "http://127.0.0.1:9/jwks";
    let edits: Vec<(&'static str, Value)> = vec![
        ("issuer", json!("https://accounts.google.com")),
        ("issuer", Value::Null),
        ("token_endpoint", json!("https://evil.example/token")),
        ("token_endpoint", json!("file:///etc/passwd")),
        ("token_endpoint", json!("/token")),
        ("token_endpoint", Value::Null),
        ("jwks_uri", json!(port_of_nobody)),
        ("jwks_uri", json!("http://169.254.169.254/latest/meta-data")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!("http://evil.example/authorize")),
    ];
    for (name, value) in edits {
        let world = World::on_sqlite().await;
        let what = format!("{name}: {value}");
        world.issuer.does(|behaviour| behaviour.document = set(name, value));
        assert_eq!(start(&world).await, Err(Failure::ProviderAnswerInvalid), "{what}");
        assert_eq!(world.issuer.requests(), [format!("GET {DOCUMENT}")], "nobody else is asked: {what}");
    }
    for (path, trick, expected) in [
        (DOCUMENT, Trick::Huge(10_000_000), Failure::ProviderAnswerInvalid),
        (DOCUMENT, Trick::RedirectLoop, Failure::ProviderAnswerInvalid),
        (DOCUMENT, Trick::Status(404), Failure::ProviderAnswerInvalid),
        (DOCUMENT, Trick::Status(502), Failure::ProviderUnavailable),
        ("/jwks", Trick::Huge(10_000_000), Failure::ProviderAnswerInvalid),
        ("/jwks", Trick::RedirectLoop, Failure::ProviderAnswerInvalid),
        ("/jwks", Trick::Text("{\"keys\": 1}".to_owned()), Failure::ProviderAnswerInvalid),
    ] {
        let world = World::on_sqlite().await;
        world.issuer.does(|behaviour| drop(behaviour.tricks.insert(path, trick.clone())));
        assert_eq!(start(&world).await, Err(expected), "{path}");
    }
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| {
        behaviour.keys = std::sync::Arc::new(|keys| {
            let one = keys["keys"][0].clone();
            *keys = json!({"keys": vec![one; 101]});
        });
    });
    assert_eq!(start(&world).await, Err(Failure::ProviderAnswerInvalid), "too many keys");
}

#[tokio::test]
async fn user_info_of_a_host_that_was_not_configured_is_not_asked() {
    let world = World::on_sqlite().await;
    let elsewhere = super::issuer::Issuer::start(&world.test.clock).await;
    world.issuer.does(|behaviour| {
        behaviour.claims_in_token = false;
        behaviour.document = set("userinfo_endpoint", json!(format!("{}/userinfo", elsewhere.url())));
    });
    assert_eq!(world.refusal(&ada()).await, Failure::EmailMissing);
    assert_eq!(elsewhere.requests(), [""; 0], "and no access token leaves");
}

#[tokio::test]
async fn each_algorithm_that_is_accepted_signs_in_and_none_that_is_not_announced() {
    let world = World::on_sqlite().await;
    for sign in [Sign::EdDsa, Sign::Es256, Sign::Rs256, Sign::Ps256] {
        world.issuer.does(|behaviour| behaviour.sign = sign);
        world.sign_in(&ada()).await;
    }
    let algorithms = json!(["RS256"]);
    world.issuer.does(|behaviour| {
        behaviour.document = set("id_token_signing_alg_values_supported", algorithms);
        behaviour.sign = Sign::Es256;
    });
    world.test.clock.advance(HOUR);
    assert_eq!(world.refusal(&ada()).await, Failure::IdTokenAlgorithm);
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_takes_it() {
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| {
        behaviour.document = set("token_endpoint_auth_methods_supported", json!(["client_secret_post"]));
    });
    world.sign_in(&ada()).await;
    let db = TestDatabase::sqlite().await;
    let wrong = TestAuth::instance(&db, keys(), &world.test.clock, 2, |builder| {
        let idp = auth_core::oidc::Provider::oidc("idp", world.issuer.url(), super::CLIENT, "another secret");
        builder.oidc(auth_core::oidc::Config::new(super::CALLBACKS).provider(idp))
    })
    .await;
    let wrong = world.beside(wrong);
    assert_eq!(wrong.refusal(&ada()).await, Failure::ProviderRefused);
}
