//! A provider that does what it should not: each is refused with its code, and there is no session and no user after it.

use std::time::UNIX_EPOCH;

use auth_core::{Clock, oidc::Failure};
use auth_migration::test_util::TestDatabase;
use serde_json::{Value, json};

use super::{
    World,
    issuer::{Behaviour, Person, SOON, Sign, Trick, add, set},
};

async fn refusal(world: &World, change: impl FnOnce(&mut Behaviour)) -> Failure {
    let honest = world.issuer.behaviour.lock().unwrap().clone();
    world.issuer.does(change);
    let person = Person::new("1", "ada@example.com");
    let failure = tokio::time::timeout(SOON, world.refusal(&person)).await.unwrap();
    assert_eq!(world.test.count("auth_user").await, 0, "{failure}");
    assert_eq!(world.test.count("auth_session").await, 0, "{failure}");
    assert_eq!(world.test.count("auth_identity").await, 0, "{failure}");
    world.issuer.does(|behaviour| *behaviour = honest);
    failure
}

auth_migration::each_database! {
    async fn an_id_token_with_one_thing_wrong_is_refused_with_the_code_of_it(db: &TestDatabase) {
        let world = World::new(db).await;
        let now = world.test.clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims: Vec<(&'static str, Value, Failure)> = vec![
            ("iss", json!("https://accounts.google.com"), Failure::IdTokenIssuer),
            ("iss", json!(format!("{}/", world.issuer.url())), Failure::IdTokenIssuer),
            ("iss", json!([world.issuer.url()]), Failure::IdTokenMalformed),
            ("iss", Value::Null, Failure::IdTokenMalformed),
            ("aud", json!("another client"), Failure::IdTokenAudience),
            ("aud", json!([super::CLIENT, "another client"]), Failure::IdTokenAudience),
            ("aud", json!([]), Failure::IdTokenAudience),
            ("aud", Value::Null, Failure::IdTokenMalformed),
            ("azp", json!("another client"), Failure::IdTokenAuthorizedParty),
            ("nonce", json!("of another sign-in"), Failure::IdTokenNonce),
            ("nonce", Value::Null, Failure::IdTokenNonce),
            ("exp", json!(now), Failure::IdTokenExpired),
            ("exp", json!(now - 1), Failure::IdTokenExpired),
            ("exp", json!(-1e300), Failure::IdTokenExpired),
            ("exp", json!("later"), Failure::IdTokenMalformed),
            ("exp", Value::Null, Failure::IdTokenMalformed),
            ("iat", json!(now + 61), Failure::IdTokenNotYetValid),
            ("iat", Value::Null, Failure::IdTokenMalformed),
            ("nbf", json!(now + 61), Failure::IdTokenNotYetValid),
            ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), Failure::IdTokenAccessToken),
            ("sub", Value::Null, Failure::IdTokenMalformed),
            ("sub", json!(""), Failure::IdTokenMalformed),
            ("sub", json!("a".repeat(256)), Failure::IdTokenMalformed),
            ("sub", json!("a\0b"), Failure::IdTokenMalformed),
            ("sub", json!("söme"), Failure::IdTokenMalformed),
            ("sub", json!(7), Failure::IdTokenMalformed),
            ("email", Value::Null, Failure::EmailMissing),
            ("email", json!(["ada@example.com"]), Failure::EmailMissing),
            ("email", json!("no address"), Failure::EmailInvalid),
            ("email_verified", json!("true"), Failure::EmailUnverified),
            ("email_verified", json!(1), Failure::EmailUnverified),
            ("email_verified", Value::Null, Failure::EmailUnverified),
        ];
        // Without user info, which could tell the address instead.
        world.issuer.does(|behaviour| behaviour.document = set("userinfo_endpoint", Value::Null));
        for (claim, value, expected) in claims {
            let what = format!("{claim}: {value}");
            let failure = refusal(&world, |behaviour| behaviour.claims = set(claim, value)).await;
            assert_eq!(failure, expected, "{what}");
        }
        let headers = [
            ("crit", json!(["b64"]), Failure::IdTokenMalformed),
            ("typ", json!("at+jwt"), Failure::IdTokenMalformed),
            ("kid", json!("nobody's"), Failure::IdTokenKey),
            // Of another kind than the algorithm.
            ("kid", json!("rsa"), Failure::IdTokenKey),
            ("kid", json!("enc"), Failure::IdTokenKey),
            ("alg", json!("ES256"), Failure::IdTokenKey),
            ("alg", json!("ES512"), Failure::IdTokenAlgorithm),
            ("alg", json!("eddsa"), Failure::IdTokenAlgorithm),
        ];
        for (name, value, expected) in headers {
            let what = format!("{name}: {value}");
            let failure = refusal(&world, |behaviour| behaviour.header = set(name, value)).await;
            assert_eq!(failure, expected, "{what}");
        }
        let signatures = [
            (Sign::OtherKey, Failure::IdTokenSignature),
            (Sign::Cut, Failure::IdTokenSignature),
            (Sign::UnknownKey, Failure::IdTokenKey),
            (Sign::Nothing, Failure::IdTokenAlgorithm),
            (Sign::ClientSecret, Failure::IdTokenAlgorithm),
            (Sign::PublicKey, Failure::IdTokenAlgorithm),
        ];
        for (sign, expected) in signatures {
            let failure = refusal(&world, |behaviour| behaviour.sign = sign).await;
            assert_eq!(failure, expected, "{sign:?}");
        }
        // And honest again, so that it was each of these and nothing else.
        world.sign_in(&Person::new("1", "ada@example.com")).await;
    }
}

#[tokio::test]
async fn the_token_endpoint_gets_away_with_nothing() {
    let world = World::on_sqlite().await;
    let tricks = [
        (Trick::Status(500), Failure::ProviderUnavailable),
        (Trick::Status(429), Failure::ProviderUnavailable),
        (Trick::Huge(10_000_000), Failure::ProviderAnswerInvalid),
        (Trick::Silence, Failure::ProviderUnavailable),
        (Trick::RedirectLoop, Failure::ProviderAnswerInvalid),
        (Trick::Text("no JSON".to_owned()), Failure::ProviderAnswerInvalid),
        (Trick::Text("{}".to_owned()), Failure::IdTokenMissing),
        (
            Trick::Text(r#"{"access_token":"a","id_token":"b","id_token":"c"}"#.to_owned()),
            Failure::ProviderAnswerInvalid,
        ),
        (Trick::Text(r#"{"access_token":"a","id_token":"b"}"#.to_owned()), Failure::IdTokenMalformed),
        (Trick::Text(r#"{"error":"invalid_grant"}"#.to_owned()), Failure::ProviderRefused),
    ];
    for (trick, expected) in tricks {
        let what = format!("{trick:?}").chars().take(60).collect::<String>();
        let failure = refusal(&world, |behaviour| drop(behaviour.tricks.insert("/token", trick))).await;
        assert_eq!(failure, expected, "{what}");
        let asked = world.issuer.requests();
        let exchanges = asked.iter().filter(|request| *request == "POST /token").count();
        assert_eq!(exchanges, 1, "nobody follows a redirect or tries a code twice: {what}");
    }
    let failure = refusal(&world, |behaviour| behaviour.tokens = set("id_token", Value::Null)).await;
    assert_eq!(failure, Failure::IdTokenMissing);
    let failure = refusal(&world, |behaviour| behaviour.tokens = set("access_token", Value::Null)).await;
    assert_eq!(failure, Failure::IdTokenAccessToken, "the ID token names one by its hash");
}

#[tokio::test]
async fn the_user_info_is_about_the_same_person_or_nobody() {
    let world = World::on_sqlite().await;
    world.issuer.does(|behaviour| behaviour.claims_in_token = false);
    let failure = refusal(&world, |behaviour| behaviour.user_info = set("sub", json!("2"))).await;
    assert_eq!(failure, Failure::UserInfoSubject);
    for (trick, expected) in [
        (Trick::Huge(300_000), Failure::ProviderAnswerInvalid),
        (Trick::RedirectLoop, Failure::ProviderAnswerInvalid),
        (Trick::Status(503), Failure::ProviderUnavailable),
    ] {
        let failure = refusal(&world, |behaviour| drop(behaviour.tricks.insert("/userinfo", trick))).await;
        assert_eq!(failure, expected);
    }
    let failure =
        refusal(&world, |behaviour| behaviour.user_info = set("email_verified", json!("true"))).await;
    assert_eq!(failure, Failure::EmailUnverified);
    world.sign_in(&Person::new("1", "ada@example.com")).await;
}

#[tokio::test]
async fn an_address_is_verified_if_one_place_says_so_of_the_same_address_and_none_says_no() {
    let yes = || json!({"email": "ada@example.com", "email_verified": true});
    let cases = [
        // What the ID token says, what the user info says, and why nobody is signed in, if so.
        (json!({"email": "ada@example.com"}), yes(), None),
        (
            json!({"email": "ada@example.com"}),
            json!({"email": "Ada@EXAMPLE.com", "email_verified": true}),
            None,
        ),
        (json!({}), yes(), None),
        (yes(), json!({"email": "other@example.com", "email_verified": false}), None),
        (
            json!({"email": "ada@example.com"}),
            json!({"email": "ada@example.com"}),
            Some(Failure::EmailUnverified),
        ),
        (
            json!({"email": "ada@example.com"}),
            json!({"email": "eve@example.com", "email_verified": true}),
            Some(Failure::EmailUnverified),
        ),
        (
            json!({"email": "ada@example.com"}),
            json!({"email_verified": true}),
            Some(Failure::EmailUnverified),
        ),
        (
            json!({"email": "ada@example.com"}),
            json!({"email": "ada@example.com", "email_verified": false}),
            Some(Failure::EmailUnverified),
        ),
        (json!({"email_verified": false}), yes(), Some(Failure::EmailUnverified)),
        (
            json!({"email_verified": true}),
            json!({"email": "ada@example.com"}),
            Some(Failure::EmailUnverified),
        ),
        (
            json!({"email": "ada@example.com"}),
            json!({"email": "ada@example.com", "email_verified": "true"}),
            Some(Failure::EmailUnverified),
        ),
        (json!({"email_verified": true}), json!({}), Some(Failure::EmailMissing)),
    ];
    for (in_token, at_user_info, expected) in cases {
        let world = World::on_sqlite().await;
        let what = format!("{in_token} and {at_user_info}");
        world.issuer.does(|behaviour| {
            behaviour.claims_in_token = false;
            behaviour.claims = add(in_token);
            behaviour.user_info = std::sync::Arc::new(move |info| {
                *info = json!({"sub": info["sub"]});
                add(at_user_info.clone())(info);
            });
        });
        let outcome = world.arrive(&Person::new("1", "ada@example.com")).await;
        match expected {
            None => drop(outcome.unwrap_or_else(|refused| panic!("{what}: {refused:?}"))),
            Some(expected) => assert_eq!(super::refused(outcome), expected, "{what}"),
        }
    }
}

#[tokio::test]
async fn who_is_known_signs_in_though_the_user_info_cannot_be_had_if_the_id_token_has_the_address() {
    let world = World::on_sqlite().await;
    let person = Person::new("1", "ada@example.com");
    world.sign_in(&person).await;
    world.issuer.does(|behaviour| {
        behaviour.claims = set("email_verified", Value::Null);
        behaviour.tricks.insert("/userinfo", Trick::Status(503));
    });
    world.sign_in(&person).await;
    assert_eq!(world.refusal(&Person::new("2", "bob@example.com")).await, Failure::EmailUnverified);
    world.issuer.does(|behaviour| {
        behaviour.tricks.clear();
        behaviour.user_info = set("sub", json!("2"));
    });
    assert_eq!(world.refusal(&person).await, Failure::UserInfoSubject);
}

#[tokio::test]
async fn an_id_token_may_be_for_others_too_if_they_are_trusted_and_it_was_given_to_this_client() {
    let both = || json!([super::CLIENT, "sibling@project", "246263"]);
    for (trusted, aud, azp, expected) in [
        (&["sibling@project", "246263"][..], both(), json!(super::CLIENT), None),
        (&["sibling@project"], both(), json!(super::CLIENT), Some(Failure::IdTokenAudience)),
        (&[], both(), json!(super::CLIENT), Some(Failure::IdTokenAudience)),
        (&["sibling@project", "246263"], both(), Value::Null, Some(Failure::IdTokenAuthorizedParty)),
        (&["sibling@project", "246263"], both(), json!("246263"), Some(Failure::IdTokenAuthorizedParty)),
        (&["246263"], json!(["246263"]), json!(super::CLIENT), Some(Failure::IdTokenAudience)),
        (&["246263"], json!("246263"), json!(super::CLIENT), Some(Failure::IdTokenAudience)),
        (&["246263"], json!([super::CLIENT]), Value::Null, None),
        (&[], json!([super::CLIENT, super::CLIENT]), Value::Null, None),
    ] {
        let db = TestDatabase::sqlite().await;
        let world = World::with(&db, |builder, issuer| {
            let idp = trusted.iter().fold(super::idp(issuer), |idp, one| idp.audience(*one));
            builder.oidc(auth_core::oidc::Config::new(super::CALLBACKS).provider(idp))
        })
        .await;
        let what = format!("{trusted:?} {aud} {azp}");
        world.issuer.does(|behaviour| behaviour.claims = add(json!({"aud": aud, "azp": azp})));
        let outcome = world.arrive(&Person::new("1", "ada@example.com")).await;
        match expected {
            None => drop(outcome.unwrap_or_else(|refused| panic!("{what}: {refused:?}"))),
            Some(expected) => assert_eq!(super::refused(outcome), expected, "{what}"),
        }
    }
}

#[tokio::test]
async fn what_comes_back_by_way_of_the_browser_is_checked() {
    let world = World::on_sqlite().await;
    let person = Person::new("1", "ada@example.com");
    for (query, expected) in [
        ("code=1&iss=https%3A%2F%2Fevil.example", Failure::IssuerMismatch),
        ("error=access_denied&iss=https%3A%2F%2Fevil.example", Failure::IssuerMismatch),
        ("code=1", Failure::IssuerMismatch),
        ("error=access_denied", Failure::AccessDenied),
        ("error=server_error", Failure::ProviderRefused),
        ("error=%3Cscript%3E%0Ax", Failure::ProviderRefused),
        ("iss=ISSUER", Failure::ProviderAnswerInvalid),
        ("code=made+up&iss=ISSUER", Failure::ProviderRefused),
    ] {
        let begun = world.start().await;
        let approved = world.issuer.approve(&begun.url, &person);
        let state = approved.split('&').find(|part| part.starts_with("state=")).unwrap();
        let query =
            format!("{}&{state}", query.replace("ISSUER", &world.issuer.url().replace("://", "%3A%2F%2F")));
        assert_eq!(super::refused(world.come_back(&query, Some(begun.browser)).await), expected, "{query}");
    }
    assert_eq!(world.test.count("auth_user").await, 0);
    // Where the provider does not announce it, nothing is asked for.
    world.issuer.does(|behaviour| {
        behaviour.document = set("authorization_response_iss_parameter_supported", json!(false));
    });
    world.test.clock.advance(crate::support::HOUR);
    let begun = world.start().await;
    let query = world.issuer.approve(&begun.url, &person);
    let without = query.split('&').filter(|part| !part.starts_with("iss=")).collect::<Vec<_>>().join("&");
    super::tokens(world.come_back(&without, Some(begun.browser)).await.unwrap());
}
