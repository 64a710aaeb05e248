//! The way to the provider and back belongs to one browser, once, for ten minutes.

use std::time::Duration;

use auth_core::{
    ClientInfo, Error, ThrottleConfig,
    oidc::{Callback, Failure, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{CALLBACKS, World, issuer::Person, providers, refused, tokens};
use crate::{
    assert_refused,
    cancellation::Leaves,
    support::{EMAIL, HOUR, TestAuth, secret},
};

fn ada() -> Person {
    Person::new("1", EMAIL)
}

each_database! {
    async fn a_callback_works_once_in_the_browser_that_began_and_in_time(db: &TestDatabase) {
        let world = World::new(db).await;
        let begun = world.start().await;
        let query = world.issuer.approve(&begun.url, &ada());
        let other = world.start().await;

        assert_eq!(refused(world.come_back(&query, None).await), Failure::CookieMissing);
        assert_eq!(refused(world.come_back(&query, Some(other.browser.clone())).await), Failure::OtherBrowser);
        let refusal = world.oidc().finish(Callback::new("github", &query).browser(Some(begun.browser.clone()))).await;
        assert_eq!(refused(refusal), Failure::OtherProvider);
        // None of these has spent it.
        tokens(world.come_back(&query, Some(begun.browser.clone())).await.unwrap());
        // A reload, also after the cookie is gone.
        assert_eq!(refused(world.come_back(&query, Some(begun.browser)).await), Failure::StateUsed);
        assert_eq!(refused(world.come_back(&query, None).await), Failure::StateUsed);
        assert_eq!(world.test.count("auth_session").await, 1);

        let query = world.issuer.approve(&other.url, &ada());
        world.test.clock.advance(Duration::from_mins(10));
        assert_eq!(refused(world.come_back(&query, Some(other.browser)).await), Failure::StateExpired);
        for query in ["", "code=1", "state=x&code=1", "state=AQAAAA", &query.replace("state=", "state=A")] {
            let refusal = world.come_back(query, None).await;
            assert_eq!(refusal.as_ref().unwrap_err().redirect_to, "/?error=state_unknown", "{query}");
            assert_eq!(refused(refusal), Failure::StateUnknown);
        }
        assert_refused!(world.oidc().start(Start::new("nobody")).await, Error::Refused(auth_core::oidc::PROVIDER_NOT_FOUND));
    }

    async fn tabs_do_not_disturb_each_other(db: &TestDatabase) {
        let world = World::new(db).await;
        let one = world.start().await;
        world.test.clock.advance(Duration::from_millis(1));
        let two = world.start().await;
        assert_ne!(one.cookie_name, two.cookie_name);
        assert!(one.cookie_name < two.cookie_name, "in the order of time");
        let (first, second) = (world.issuer.approve(&one.url, &ada()), world.issuer.approve(&two.url, &ada()));
        assert_eq!(Callback::new("idp", &second).cookie_name().unwrap(), two.cookie_name);
        tokens(world.come_back(&second, Some(two.browser)).await.unwrap());
        tokens(world.come_back(&first, Some(one.browser)).await.unwrap());
    }

    async fn what_is_stored_and_what_is_sent_is_of_no_use_to_who_reads_it(db: &TestDatabase) {
        let world = World::new(db).await;
        let begun = world.start().await;
        let url = url::Url::parse(&begun.url).unwrap();
        let asked: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(asked["redirect_uri"], format!("{CALLBACKS}/idp/callback"));
        assert_eq!(asked["scope"], "openid email");
        assert!(begun.url.len() < 1024);
        let bytes = world.test.bytes("SELECT seed FROM auth_one_time_token").await;
        let payload = world.test.text("SELECT payload FROM auth_one_time_token").await;
        let values: [&str; 4] = [&asked["state"], &asked["nonce"], &asked["code_challenge"], begun.browser.expose()];
        for secret in values {
            assert!(!payload.contains(secret), "{payload}");
            assert!(!bytes.windows(8).any(|part| secret.as_bytes().windows(8).any(|other| other == part)));
        }
        for (at, one) in values.into_iter().enumerate() {
            assert!(values.into_iter().skip(at + 1).all(|other| !one.contains(other) && !other.contains(one)));
        }
        assert!(!format!("{begun:?}").contains(begun.browser.expose()));
    }

    async fn a_sign_in_goes_on_under_another_instance_and_a_changed_secret(db: &TestDatabase) {
        let world = World::new(db).await;
        let begun = world.start().await;
        let query = world.issuer.approve(&begun.url, &ada());
        let changed = auth_core::Keys::new(secret(2)).previous(secret(1));
        let other = TestAuth::instance(db, changed, &world.test.clock, 2, |builder| builder.oidc(providers(&world.issuer))).await;
        let other = world.beside(other);
        tokens(other.come_back(&query, Some(begun.browser)).await.unwrap());
    }

    async fn pages_elsewhere_are_refused_before_anything_is_written(db: &TestDatabase) {
        let world = World::with(db, |builder, issuer| {
            builder.oidc(providers(issuer).redirect_origin("https://app.example.com"))
        }).await;
        for page in ["//evil.example", "/\\evil.example", "https://evil.example/", "https://app.example.com@evil.example/", "/.//evil.example"] {
            assert_refused!(world.oidc().start(Start::new("idp").redirect_to(page)).await, Error::Validation(_));
        }
        assert_eq!(world.test.count("auth_one_time_token").await, 0);
        let begun = world.oidc().start(Start::new("idp").redirect_to("https://app.example.com/in?x=1")).await.unwrap();
        let query = world.issuer.approve(&begun.url, &ada());
        let finished = world.come_back(&query, Some(begun.browser)).await.unwrap();
        assert_eq!(finished.redirect_to, "https://app.example.com/in?x=1");
        let error = Error::from(Failure::ProviderUnavailable);
        assert_eq!(world.oidc().error_page(Some("//evil.example"), &error), "/?error=provider_unavailable");
    }

    async fn attempts_count_against_the_network_and_those_that_succeed_do_not(db: &TestDatabase) {
        let mut throttle = ThrottleConfig::default();
        throttle.network_failures = 4;
        let world = World::with(db, |builder, issuer| builder.configure(|config| config.throttle = throttle).oidc(providers(issuer))).await;
        let client = || ClientInfo::default().ip("192.0.2.1".parse().unwrap());
        for _ in 0..5 {
            let begun = world.oidc().start(Start::new("idp").client(client())).await.unwrap();
            let query = world.issuer.approve(&begun.url, &ada());
            let callback = Callback::new("idp", &query).browser(Some(begun.browser)).client(client());
            tokens(world.oidc().finish(callback).await.unwrap());
        }
        for _ in 0..4 {
            world.oidc().start(Start::new("idp").client(client())).await.unwrap();
        }
        assert_refused!(world.oidc().start(Start::new("idp").client(client())).await, Error::Throttled { .. });
        let refused = world.oidc().finish(Callback::new("idp", "state=x").client(client())).await.unwrap_err();
        assert_eq!(refused.redirect_to, "/?error=throttled");
        world.start().await;
    }

    async fn rows_of_sign_ins_that_never_came_back_are_swept(db: &TestDatabase) {
        let world = World::new(db).await;
        world.start().await;
        world.test.clock.advance(HOUR);
        world.test.auth.sweep().await.unwrap();
        assert_eq!(world.test.count("auth_one_time_token").await, 0);
    }

    async fn whoever_leaves_at_any_moment_tears_nothing_apart(db: &TestDatabase) {
        let world = World::new(db).await;
        for polls in 1..6 {
            let begun = world.start().await;
            let query = world.issuer.approve(&begun.url, &Person::new(&polls.to_string(), &format!("p{polls}@example.com")));
            Leaves::after(polls, world.come_back(&query, Some(begun.browser))).await;
        }
        // What was begun is done to its end: account, identity and session are there together.
        let whole = async || {
            let users = world.test.count("auth_user").await;
            users == 5 && world.test.count("auth_identity").await == 5 && world.test.count("auth_session").await == 5
        };
        for _ in 0..2000 {
            if whole().await {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{} users", world.test.count("auth_user").await);
    }
}
