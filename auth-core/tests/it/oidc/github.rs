//! GitHub: OAuth 2 with an API of its own, as its documentation has it.

use auth_core::oidc::{Callback, Failure, Finished, Refused, Start};
use serde_json::Value;

use super::{
    World,
    issuer::{Person, Trick},
    refused, tokens,
};
use crate::support::EMAIL;

fn octocat() -> Person {
    Person::new("583231", EMAIL)
}

async fn arrive(world: &World, person: &Person) -> Result<Finished, Refused> {
    let begun = world.oidc().start(Start::new("github").redirect_to("/app")).await.unwrap();
    let query = world.issuer.approve(&begun.url, person);
    world.oidc().finish(Callback::new("github", &query).browser(Some(begun.browser))).await
}

#[tokio::test]
async fn the_number_of_the_user_is_the_identity_and_the_verified_primary_address_the_address() {
    let world = World::on_sqlite().await;
    let begun = world.oidc().start(Start::new("github")).await.unwrap();
    let url = url::Url::parse(&begun.url).unwrap();
    assert_eq!(url.path(), "/login/oauth/authorize");
    let asked: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(asked["scope"], "user:email");
    assert_eq!(asked["redirect_uri"], "https://auth.example.com/oauth/github/callback");
    assert!(!asked.contains_key("nonce"));

    let first = tokens(arrive(&world, &octocat()).await.unwrap());
    let expected = ["POST /login/oauth/access_token", "GET /api/v3/user", "GET /api/v3/user/emails"];
    assert_eq!(world.issuer.requests(), expected);
    let user = world.test.auth.user(first.user_id).await.unwrap();
    assert_eq!((user.email.as_str(), user.email_verified), (EMAIL, true));
    let moved = tokens(arrive(&world, &Person::new("583231", "moved@example.com")).await.unwrap());
    assert_eq!(moved.user_id, first.user_id);
    let identities = world.oidc().identities(&world.principal(&moved)).await.unwrap();
    assert_eq!(
        (identities[0].provider.as_str(), identities[0].issuer.clone()),
        ("github", super::github_url(&world.issuer))
    );
}

#[tokio::test]
async fn an_address_that_is_not_verified_or_not_there_makes_no_account() {
    let world = World::on_sqlite().await;
    assert_eq!(refused(arrive(&world, &octocat().unverified()).await), Failure::EmailUnverified);
    let nameless = Person { email: Value::Null, ..octocat() };
    assert_eq!(refused(arrive(&world, &nameless).await), Failure::EmailMissing);
    assert_eq!(world.test.count("auth_user").await, 0);
}

#[tokio::test]
async fn a_failure_that_github_tells_with_200_is_one() {
    let world = World::on_sqlite().await;
    let begun = world.oidc().start(Start::new("github")).await.unwrap();
    let query = world.issuer.approve(&begun.url, &octocat()).replace("code=code", "code=another");
    let outcome = world.oidc().finish(Callback::new("github", &query).browser(Some(begun.browser))).await;
    assert_eq!(refused(outcome), Failure::ProviderRefused);
    for (path, trick, expected) in [
        ("/api/v3/user", Trick::Status(401), Failure::ProviderAnswerInvalid),
        ("/api/v3/user", Trick::Text(r#"{"id":"1"}"#.to_owned()), Failure::ProviderAnswerInvalid),
        ("/api/v3/user/emails", Trick::Status(502), Failure::ProviderUnavailable),
        ("/api/v3/user/emails", Trick::Huge(10_000_000), Failure::ProviderAnswerInvalid),
    ] {
        world.issuer.does(|behaviour| drop(behaviour.tricks.insert(path, trick)));
        assert_eq!(refused(arrive(&world, &octocat()).await), expected, "{path}");
        world.issuer.does(|behaviour| behaviour.tricks.clear());
    }
    assert_eq!(world.test.count("auth_user").await, 0);
}

#[tokio::test]
async fn the_same_number_at_another_provider_is_somebody_else() {
    let world = World::on_sqlite().await;
    let at_github = tokens(arrive(&world, &octocat()).await.unwrap());
    let elsewhere = world.sign_in(&Person::new("583231", "other@example.com")).await;
    assert_ne!(at_github.user_id, elsewhere.user_id);
}
