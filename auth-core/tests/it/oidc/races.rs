//! Several at once: of each of these one wins, and nobody is hurt.

use auth_core::{
    ClientInfo, CreateUser, Error, Principal,
    oidc::{Callback, Failure, Finished, Refused, Start},
};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, issuer::Person, refused, tokens};
use crate::support::{EMAIL, PASSWORD};

const MANY: usize = 6;

/// A callback that will link one and the same identity.
async fn begin_link(world: &World, caller: &Principal) -> Callback {
    let begun = world.oidc().start_link(caller, Some(PASSWORD.into()), Start::new("idp")).await.unwrap();
    let query = world.issuer.approve(&begun.url, &Person::new("w", "team@work.example"));
    Callback::new("idp", &query).browser(Some(begun.browser))
}

async fn all_at_once(world: &World, callbacks: Vec<Callback>) -> Vec<Result<Finished, Refused>> {
    let oidc = world.oidc();
    let all = callbacks.into_iter().map(|callback| {
        let oidc = oidc.clone();
        async move { oidc.finish(callback).await }
    });
    all.collect::<tokio::task::JoinSet<_>>().join_all().await
}

each_database! {
    async fn many_tabs_of_a_new_person_make_one_account(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut tabs = Vec::new();
        for _ in 0..MANY {
            let begun = world.start().await;
            let query = world.issuer.approve(&begun.url, &Person::new("1", EMAIL));
            tabs.push((query, begun.browser));
        }
        let arrivals: Vec<_> = tabs.into_iter().map(|(query, browser)| {
            let oidc = world.oidc();
            tokio::spawn(async move { oidc.finish(Callback::new("idp", &query).browser(Some(browser))).await })
        }).collect();
        let mut users = std::collections::HashSet::new();
        for arrival in arrivals {
            users.insert(tokens(arrival.await.unwrap().unwrap()).user_id);
        }
        assert_eq!(users.len(), 1);
        assert_eq!(world.test.count("auth_user").await, 1);
        assert_eq!(world.test.count("auth_identity").await, 1);
        assert_eq!(world.test.count("auth_session").await, i64::try_from(MANY).unwrap());
    }

    async fn one_callback_many_times_at_once_signs_in_once(db: &TestDatabase) {
        let world = World::new(db).await;
        let begun = world.start().await;
        let query = world.issuer.approve(&begun.url, &Person::new("1", EMAIL));
        world.issuer.requests();
        let calls: Vec<_> = (0..MANY).map(|_| {
            let (oidc, query, browser) = (world.oidc(), query.clone(), begun.browser.clone());
            tokio::spawn(async move { oidc.finish(Callback::new("idp", &query).browser(Some(browser))).await })
        }).collect();
        let mut granted = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(_) => granted += 1,
                refusal => assert_eq!(refused(refusal), Failure::StateUsed),
            }
        }
        assert_eq!(granted, 1);
        assert_eq!(world.test.count("auth_session").await, 1);
        assert_eq!(world.issuer.requests().iter().filter(|request| *request == "POST /token").count(), 1);
    }

    async fn of_two_who_take_the_last_two_ways_away_one_is_refused(db: &TestDatabase) {
        let world = World::new(db).await;
        let caller = world.principal(&world.sign_in(&Person::new("1", EMAIL)).await);
        world.link(&caller, None, &Person::new("2", "ada@work.example")).await.unwrap();
        let identities = world.oidc().identities(&caller).await.unwrap();
        let takers: Vec<_> = identities.iter().map(|identity| {
            let (oidc, caller, id) = (world.oidc(), caller.clone(), identity.id);
            tokio::spawn(async move { oidc.unlink(&caller, id, None, ClientInfo::default()).await })
        }).collect();
        let mut gone = 0;
        for taker in takers {
            match taker.await.unwrap() {
                Ok(()) => gone += 1,
                Err(error) => assert!(matches!(error, Error::Refused(auth_core::refusal::LAST_WAY_IN)), "{error:?}"),
            }
        }
        assert_eq!((gone, world.test.count("auth_identity").await), (1, 1));
    }

    async fn of_two_accounts_that_link_one_identity_at_once_one_gets_it(db: &TestDatabase) {
        let world = World::new(db).await;
        let mut links = Vec::new();
        for email in ["ada@example.com", "bob@example.com", "eve@example.com"] {
            let new = CreateUser::new(email).password(PASSWORD).verified();
            world.test.auth.create_user(new).await.unwrap();
            let caller = world.principal(&world.test.try_login(email, PASSWORD).await.unwrap());
            links.push(begin_link(&world, &caller).await);
        }
        let (mut linked, mut taken) = (0, 0);
        for outcome in all_at_once(&world, links).await {
            match outcome {
                Ok(_) => linked += 1,
                refusal => {
                    assert_eq!(refused(refusal), Failure::IdentityTaken);
                    taken += 1;
                }
            }
        }
        assert_eq!((linked, taken, world.test.count("auth_identity").await), (1, 2, 1));
        assert_eq!(world.test.events.count("identity_linked"), 1);
    }

    async fn whoever_links_an_identity_in_many_tabs_at_once_has_it_once(db: &TestDatabase) {
        let world = World::new(db).await;
        let (_, caller) = world.test.proved_caller().await;
        let mut links = Vec::new();
        for _ in 0..MANY {
            links.push(begin_link(&world, &caller).await);
        }
        for outcome in all_at_once(&world, links).await {
            outcome.unwrap();
        }
        assert_eq!(world.test.count("auth_identity").await, 1);
        assert_eq!(world.test.events.count("identity_linked"), 1);
    }

    /// The thief's sign-ins and links race the owner's arrival: whichever order, nothing of the thief is left.
    async fn whatever_a_thief_does_at_that_moment_ends_with_the_owners_arrival(db: &TestDatabase) {
        let world = World::new(db).await;
        let (thief, caller) = world.test.caller().await;
        let before = world.before_mail(db).await;
        let link = before.oidc()
            .start_link(&caller, Some(PASSWORD.into()), auth_core::oidc::Start::new("idp"))
            .await.unwrap();
        let link_query = world.issuer.approve(&link.url, &Person::new("666", "thief@example.net"));
        let begun = world.start().await;
        let query = world.issuer.approve(&begun.url, &Person::new("1", EMAIL));

        let (oidc, auth) = (world.oidc(), world.test.auth.clone());
        let linking = tokio::spawn({
            let oidc = before.oidc();
            async move { oidc.finish(Callback::new("idp", &link_query).browser(Some(link.browser))).await }
        });
        let logins: Vec<_> = (0..3).map(|_| {
            let auth = auth.clone();
            tokio::spawn(async move { auth.login(auth_core::Login::new(EMAIL, PASSWORD)).await })
        }).collect();
        let owner = tokens(oidc.finish(Callback::new("idp", &query).browser(Some(begun.browser))).await.unwrap());
        let _ = linking.await.unwrap();
        for login in logins {
            if let Ok(auth_core::SignIn::Granted(stolen)) = login.await.unwrap() {
                assert!(world.test.refresh(&stolen.refresh).await.is_err(), "a session with the old password");
            }
        }
        assert!(world.test.refresh(&thief.refresh).await.is_err());
        let caller = world.principal(&owner);
        assert_eq!(world.oidc().identities(&caller).await.unwrap().len(), 1, "the owner's own");
        assert_eq!(world.test.count("auth_password").await, 0);
        world.test.refresh(&owner.refresh).await.unwrap();
    }

    async fn a_registration_beside_the_first_arrival_leaves_one_account_that_is_the_owners(db: &TestDatabase) {
        let world = World::new(db).await;
        let begun = world.start().await;
        let query = world.issuer.approve(&begun.url, &Person::new("1", EMAIL));
        let auth = world.test.auth.clone();
        let registering =
            tokio::spawn(async move { auth.register(auth_core::Register::new(EMAIL, PASSWORD)).await });
        let owner = tokens(world.come_back(&query, Some(begun.browser)).await.unwrap());
        match registering.await.unwrap() {
            Ok(user) => assert_eq!(user.id, owner.user_id),
            Err(error) => assert!(matches!(error, Error::Refused(auth_core::refusal::EMAIL_TAKEN)), "{error:?}"),
        }
        assert_eq!(world.test.count("auth_user").await, 1);
        assert_eq!(world.test.count("auth_password").await, 0);
        assert!(world.test.auth.user(owner.user_id).await.unwrap().email_verified);
    }
}
