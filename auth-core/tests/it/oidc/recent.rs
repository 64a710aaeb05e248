//! When somebody signed in at the provider, and what that is good for here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_core::{
    ClientInfo, Clock, Error, Tokens,
    oidc::{Authorization, Failure, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::{Value, json};

use super::{
    World,
    issuer::{Person, set},
    refused, tokens,
};
use crate::{
    assert_refused,
    support::{DAY, EMAIL, PASSWORD, SECOND},
};

const MINUTE: Duration = Duration::from_mins(1);

fn ada() -> Person {
    Person::new("1", EMAIL)
}

impl World {
    /// The issuer says from now on that somebody signed in there so long before this moment.
    fn signed_in_before(&self, age: Duration) -> SystemTime {
        let at = self.test.clock.now() - age;
        let seconds = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
        self.issuer.does(|behaviour| behaviour.claims = set("auth_time", json!(seconds)));
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn signed_in_at(&self, claim: Value) {
        self.issuer.does(|behaviour| behaviour.claims = set("auth_time", claim));
    }

    async fn is_recent(&self, tokens: &Tokens) -> bool {
        let caller = self.principal(tokens);
        let linked = self.oidc().start_link(&caller, None, Start::new("idp")).await;
        if let Err(error) = &linked {
            assert!(matches!(error, Error::StepUpRequired { .. }), "{error:?}");
            let deleted = self.test.auth.delete_account(&caller, None, ClientInfo::default()).await;
            assert_refused!(deleted, Error::StepUpRequired { .. });
        }
        linked.is_ok()
    }

    async fn start_with(&self, max_age: Duration) -> Authorization {
        self.oidc().start(Start::new("idp").max_age(max_age)).await.unwrap()
    }
}

each_database! {
    async fn a_sign_in_is_as_recent_as_that_at_the_provider(db: &TestDatabase) {
        let world = World::new(db).await;
        let at = world.signed_in_before(30 * DAY);
        let old = world.sign_in(&ada()).await;
        assert_eq!(world.principal(&old).authenticated_at(), at);
        assert!(!world.is_recent(&old).await);
        let refreshed = world.test.refresh(&old.refresh).await.unwrap();
        assert_eq!(world.principal(&refreshed).authenticated_at(), at, "a refresh does not move it");
        assert!(!world.is_recent(&refreshed).await);

        world.signed_in_before(4 * MINUTE);
        let recent = world.sign_in(&ada()).await;
        assert!(world.is_recent(&recent).await);
        world.test.clock.advance(MINUTE + SECOND);
        assert!(!world.is_recent(&recent).await);
    }

    async fn a_sign_in_whose_time_the_provider_does_not_tell_is_not_recent(db: &TestDatabase) {
        let world = World::new(db).await;
        for claim in [Value::Null, json!("1700000000"), json!([]), json!({}), json!(true)] {
            world.signed_in_at(claim.clone());
            let tokens = world.sign_in(&ada()).await;
            assert_eq!(world.principal(&tokens).authenticated_at(), UNIX_EPOCH, "{claim}");
            assert!(!world.is_recent(&tokens).await, "{claim}");
        }
        for claim in [json!(0), json!(-1e300), json!(-5)] {
            world.signed_in_at(claim.clone());
            assert!(!world.is_recent(&world.sign_in(&ada()).await).await, "{claim}");
        }
    }

    async fn a_sign_in_of_the_future_is_none_and_one_by_a_fast_clock_was_just_now(db: &TestDatabase) {
        let world = World::new(db).await;
        let now = world.test.clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        world.signed_in_at(json!(now + 61));
        assert_eq!(world.refusal(&ada()).await, Failure::IdTokenNotYetValid);
        world.signed_in_at(json!(1e300));
        assert_eq!(world.refusal(&ada()).await, Failure::IdTokenNotYetValid);
        world.signed_in_at(json!(now + 59));
        let tokens = world.sign_in(&ada()).await;
        assert!(world.principal(&tokens).authenticated_at() <= world.test.clock.now());
        assert!(world.is_recent(&tokens).await);
    }

    async fn a_session_that_an_older_program_began_is_recent_after_a_password_only(db: &TestDatabase) {
        let world = World::new(db).await;
        let at_provider = world.sign_in(&ada()).await;
        world.test.auth.register(auth_core::Register::new("bob@example.com", PASSWORD)).await.unwrap();
        let by_password = world.test.try_login("bob@example.com", PASSWORD).await.unwrap();
        world.test.execute("UPDATE auth_session SET auth_time = NULL").await;
        assert!(!world.is_recent(&at_provider).await);
        let refreshed = world.test.refresh(&by_password.refresh).await.unwrap();
        let since = world.principal(&by_password).authenticated_at();
        assert_eq!(world.principal(&refreshed).authenticated_at(), since);
    }

    async fn a_step_up_at_a_provider_asks_for_a_sign_in_now_and_checks_that_it_was(db: &TestDatabase) {
        let world = World::new(db).await;
        world.signed_in_before(DAY);
        let old = world.sign_in(&ada()).await;
        assert!(!world.is_recent(&old).await);
        let come_back = async |begun: Authorization| {
            let query = world.issuer.approve(&begun.url, &ada());
            world.come_back(&query, Some(begun.browser)).await
        };
        let begun = world.start_with(Duration::ZERO).await;
        assert!(begun.url.contains("&max_age=0&prompt=login"), "{}", begun.url);
        assert_eq!(refused(come_back(begun).await), Failure::SignInNotRecent, "the provider did not ask");
        world.signed_in_at(Value::Null);
        let outcome = come_back(world.start_with(Duration::ZERO).await).await;
        assert_eq!(refused(outcome), Failure::SignInNotRecent, "the provider does not tell");

        let begun = world.start_with(Duration::ZERO).await;
        world.test.clock.advance(MINUTE);
        world.signed_in_before(30 * SECOND);
        let fresh = tokens(come_back(begun).await.unwrap());
        assert!(world.is_recent(&fresh).await);
        world.test.auth.delete_account(&world.principal(&fresh), None, ClientInfo::default()).await.unwrap();
    }

    async fn an_age_that_was_asked_for_is_checked_from_when_it_was_asked_for(db: &TestDatabase) {
        let world = World::new(db).await;
        for (age, is_right) in [(4 * MINUTE, true), (5 * MINUTE, true), (5 * MINUTE + 11 * SECOND, false), (DAY, false)] {
            world.signed_in_before(age);
            let begun = world.start_with(5 * MINUTE).await;
            assert!(begun.url.ends_with("&max_age=300"), "nobody has to sign in again: {}", begun.url);
            let query = world.issuer.approve(&begun.url, &ada());
            let outcome = world.come_back(&query, Some(begun.browser)).await;
            if is_right {
                tokens(outcome.unwrap());
            } else {
                assert_eq!(refused(outcome), Failure::SignInNotRecent, "{age:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_provider_is_not_asked_to_prompt_where_it_says_what_it_can_and_that_is_not_among_it() {
    for (prompts, is_asked) in [(json!(["none", "consent"]), false), (json!(["none", "login"]), true)] {
        let world = World::on_sqlite().await;
        world.issuer.does(|behaviour| behaviour.document = set("prompt_values_supported", prompts));
        let begun = world.start_with(Duration::ZERO).await;
        assert_eq!(begun.url.contains("prompt=login"), is_asked, "{}", begun.url);
        assert!(begun.url.contains("max_age=0"));
    }
}

#[tokio::test]
async fn github_tells_no_time_and_so_is_good_for_no_step_up() {
    let world = World::on_sqlite().await;
    let error = world.oidc().start(Start::new("github").max_age(Duration::ZERO)).await.unwrap_err();
    assert_eq!(Failure::of(&error), Some(Failure::SignInNotRecent));
    let begun = world.oidc().start(Start::new("github")).await.unwrap();
    let query = world.issuer.approve(&begun.url, &ada());
    let callback = auth_core::oidc::Callback::new("github", &query).browser(Some(begun.browser));
    let tokens = tokens(world.oidc().finish(callback).await.unwrap());
    assert!(!world.is_recent(&tokens).await);
}
