//! A key is never more than its owner is at this moment, and nobody guesses one.

use std::time::Duration;

use auth_core::{Error, ThrottleConfig, machine::ADMIN_SCOPE};
use auth_migration::{each_database, test_util::TestDatabase};

use super::{World, at, key, nobody};
use crate::{
    assert_refused,
    support::{SECOND, TestAuth, keys, rename},
};

/// Of the right form, and nobody's.
const UNKNOWN: &str = "ak_0000000000000000000000000000001dZEUY";

/// As many as a network may be wrong.
const FAILURES: u32 = 5;

async fn strict(db: &TestDatabase) -> World {
    World::with(db, |builder| {
        builder.configure(|config| {
            config.throttle = ThrottleConfig::default();
            config.throttle.network_failures = FAILURES;
        })
    })
    .await
}

each_database! {
    async fn no_key_outlives_a_demotion_or_goes_beyond_what_it_is_for(db: &TestDatabase) {
        let world = World::new(db).await;
        world.roles(&["admin", "editor"]).await;
        let caller = world.signs_in().await;
        let limited = world.machines.create_key(&caller, key(&["read:todos"]), nobody()).await.unwrap();
        let admin = world.machines.create_key(&caller, key(&[ADMIN_SCOPE]), nobody()).await.unwrap();
        assert_eq!(world.verify(&limited).await.unwrap().roles(), ["user", "editor"]);
        assert_eq!(world.verify(&admin).await.unwrap().roles(), ["user", "admin", "editor"]);
        assert!(world.verify(&admin).await.unwrap().has_scope(ADMIN_SCOPE));
        world.test.auth.create_user(auth_core::CreateUser::new("other@example.com").role("admin").password(crate::support::PASSWORD)).await.unwrap();
        world.roles(&["editor"]).await;
        let demoted = world.verify(&admin).await.unwrap();
        assert_eq!(demoted.roles(), ["user", "editor"], "at once where it was done");
        assert!(!demoted.has_scope(ADMIN_SCOPE), "a guard that asks for the scope lets nobody in that is no administrator");
        let told = world.machines.introspect(admin.secret.expose()).await.unwrap().unwrap();
        assert_eq!((told.roles.as_slice(), told.scopes.as_slice()), (&["user".to_owned(), "editor".to_owned()][..], &[][..]));
        world.roles(&["author"]).await;
        assert_eq!(world.verify(&limited).await.unwrap().roles(), ["user", "author"]);
    }

    async fn the_scope_admin_of_a_service_and_its_tokens_end_with_the_role(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&["admin"]).await;
        let made = world.service_key(service.id, &[ADMIN_SCOPE]).await;
        let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        let mut change = auth_core::machine::ServiceChange::default();
        change.roles = Some(Vec::new());
        world.machines.change_service(service.id, change, nobody()).await.unwrap();
        assert!(!world.verify(&made).await.unwrap().has_scope(ADMIN_SCOPE));
        assert_eq!(world.machines.introspect(issued.access.expose()).await.unwrap(), None);
        let more = world.machines.token(made.secret.expose(), None, Some(ADMIN_SCOPE), &nobody()).await;
        assert_refused!(more, Error::Refused(auth_core::machine::INVALID_SCOPE));
        let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        assert_eq!(issued.scopes, [""; 0]);
    }

    async fn what_is_done_elsewhere_reaches_a_key_within_the_bound(db: &TestDatabase) {
        let world = World::new(db).await;
        let elsewhere = TestAuth::instance(db, keys(), &world.test.clock, 2, |builder| builder).await;
        let user = world.caller.user_id();
        let (made, ended) = (world.key(&[]).await, world.key(&[]).await);
        for step in ["roles", "disable", "enable", "end", "delete"] {
            for made in [&made, &ended] {
                let _ = world.verify(made).await;
            }
            match step {
                "roles" => elsewhere.auth.set_roles(user, &["editor"], nobody()).await.unwrap(),
                "disable" => elsewhere.auth.disable(user, nobody()).await.unwrap(),
                "enable" => elsewhere.auth.enable(user, nobody()).await.unwrap(),
                "end" => elsewhere.auth.machines().unwrap().end_any_key(ended.key.id, nobody()).await.unwrap(),
                _ => elsewhere.auth.delete_user(user, nobody()).await.unwrap(),
            }
            world.test.clock.advance(SECOND);
            match step {
                "roles" | "enable" => assert_eq!(world.verify(&made).await.unwrap().roles(), ["user", "editor"]),
                "end" => {
                    assert_refused!(world.verify(&ended).await, Error::InvalidToken);
                    world.verify(&made).await.unwrap();
                }
                _ => assert_refused!(world.verify(&made).await, Error::InvalidToken),
            }
        }
    }

    async fn an_unknown_key_counts_once_and_a_network_that_guesses_waits(db: &TestDatabase) {
        let world = strict(db).await;
        let made = world.key(&[]).await;
        let fresh = world.key(&[]).await;
        let (here, elsewhere) = (at("203.0.113.7"), at("203.0.113.8"));
        world.machines.verify(made.secret.expose(), &here).await.unwrap();
        for _ in 0..FAILURES {
            assert_refused!(world.machines.verify(UNKNOWN, &here).await, Error::InvalidToken);
        }
        world.test.statements();
        assert_refused!(world.machines.verify(UNKNOWN, &here).await, Error::Throttled { .. });
        assert_refused!(world.machines.verify(fresh.secret.expose(), &here).await, Error::Throttled { .. });
        assert_eq!(world.test.statements(), [""; 0], "nothing is read for it");
        world.test.clock.advance(SECOND);
        world.machines.verify(made.secret.expose(), &here).await.expect("it was good, so it is no guess");
        world.machines.verify(fresh.secret.expose(), &elsewhere).await.expect("another network");
        world.test.login().await;
    }

    async fn a_key_that_is_over_is_no_guess(db: &TestDatabase) {
        let world = strict(db).await;
        let (over, made) = (world.key(&[]).await, world.key(&[]).await);
        world.machines.end_key(&world.caller, over.key.id, nobody()).await.unwrap();
        let here = at("203.0.113.7");
        for _ in 0..2 * FAILURES {
            assert_refused!(world.machines.verify(over.secret.expose(), &here).await, Error::InvalidToken);
        }
        world.machines.verify(made.secret.expose(), &here).await.unwrap();
    }

    async fn with_the_database_away_a_key_is_neither_good_nor_bad(db: &TestDatabase) {
        let world = World::new(db).await;
        let made = world.key(&[]).await;
        world.verify(&made).await.unwrap();
        rename(db, "auth_api_key", "auth_gone").await;
        world.verify(&made).await.expect("what was read goes on for the bound");
        world.test.clock.advance(Duration::from_secs(1));
        let refused = world.verify(&made).await.unwrap_err();
        assert!(!matches!(refused, Error::InvalidToken), "{refused:?}");
        rename(db, "auth_gone", "auth_api_key").await;
        world.verify(&made).await.unwrap();
    }
}

#[test]
fn the_unknown_key_of_these_tests_has_the_form_of_one() {
    assert!(auth_core::machine::is_key(UNKNOWN), "{UNKNOWN}");
}
