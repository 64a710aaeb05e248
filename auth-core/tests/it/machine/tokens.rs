//! Tokens of service accounts; what any token is worth, and its end.

use auth_core::{
    Assurance, Caller, Credential, Error, TokenVerifier,
    machine::{INVALID_SCOPE, ServiceChange, TokenKind, UNAUTHORIZED_CLIENT},
};
use auth_migration::{each_database, test_util::TestDatabase};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{World, nobody};
use crate::{
    assert_refused,
    support::{DAY, EMAIL, PAST_GRACE, SECOND, TestAuth, keys},
};

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

each_database! {
    async fn a_service_gets_a_token_that_others_verify_and_that_is_no_persons(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&["admin", "editor"]).await;
        let made = world.service_key(service.id, &["read:todos", "write:todos"]).await;
        let issued = world.machines.token(made.secret.expose(), Some(service.id), None, &nobody()).await.unwrap();
        assert_eq!((issued.expires_in, issued.scopes.len()), (15 * 60 * SECOND, 2));
        let told = claims(issued.access.expose());
        let id = service.id.to_string();
        assert_eq!((&told["sub"], &told["client_id"]), (&Value::from(id.clone()), &Value::from(id)));
        assert_eq!((&told["key_id"], &told["scope"]), (&Value::from(made.key.id.to_string()), &Value::from("read:todos write:todos")));
        for absent in ["sid", "auth_time", "amr", "acr"] {
            assert!(told.get(absent).is_none(), "{absent}");
        }
        let elsewhere = TokenVerifier::new(&keys(), "auth", "auth").unwrap().clock(world.test.auth.clock());
        assert_refused!(elsewhere.verify(issued.access.expose()), Error::SessionRequired);
        let caller = elsewhere.verify_any(issued.access.expose()).unwrap();
        assert_eq!((caller.caller(), caller.credential(), caller.session_id()), (Caller::Service, Credential::ClientCredentials, None));
        assert_eq!((caller.roles(), caller.key_id()), (&["editor".to_owned()][..], Some(made.key.id)));
        assert!(caller.has_scope("read:todos") && !caller.has_scope("admin"));
        world.test.clock.advance(15 * 60 * SECOND);
        assert_refused!(elsewhere.verify_any(issued.access.expose()), Error::InvalidToken);
    }

    async fn a_token_is_for_less_than_the_key_and_never_for_more(db: &TestDatabase) {
        let world = World::new(db).await;
        let (service, other) = (world.service(&["admin"]).await, world.service(&[]).await);
        let made = world.service_key(service.id, &["admin", "read:todos"]).await;
        let text = made.secret.expose();
        let token = async |account, scope| world.machines.token(text, account, scope, &nobody()).await;
        let less = token(None, Some("read:todos")).await.unwrap();
        let caller = world.test.auth.verifier().verify_any(less.access.expose()).unwrap();
        assert_eq!((caller.scopes(), caller.roles()), (&["read:todos".to_owned()][..], &[][..]));
        assert!(token(None, Some("admin")).await.is_ok());
        for more in ["write:todos", "read:todos write:todos", "read:todos read"] {
            assert_refused!(token(None, Some(more)).await, Error::Refused(INVALID_SCOPE));
        }
        assert_refused!(token(Some(other.id), None).await, Error::InvalidToken);
        assert_refused!(world.machines.token(less.access.expose(), None, None, &nobody()).await, Error::InvalidToken);
        let own = world.key(&["read:todos"]).await;
        assert_refused!(world.machines.token(own.secret.expose(), None, None, &nobody()).await, Error::Refused(UNAUTHORIZED_CLIENT));
    }

    async fn a_token_lives_no_longer_than_its_key(db: &TestDatabase) {
        let world = World::new(db).await;
        let service = world.service(&[]).await;
        let made = world.service_key(service.id, &[]).await;
        world.test.clock.advance(89 * DAY + 1439 * 60 * SECOND);
        let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        assert_eq!(issued.expires_in, 60 * SECOND);
    }

    async fn a_bounded_check_hears_of_whatever_ends_the_token_of_a_service(db: &TestDatabase) {
        let world = World::new(db).await;
        for way in ["the key", "the token", "roles", "kept out", "gone"] {
            let service = world.service(&["editor"]).await;
            let made = world.service_key(service.id, &[]).await;
            let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
            let bounded = world.test.auth.verifier().bounded(world.test.auth.revocations());
            world.test.auth.poll_revocations().await.unwrap();
            bounded.verify_any(issued.access.expose()).unwrap();
            let mut change = ServiceChange::default();
            match way {
                "the key" => world.machines.end_any_key(made.key.id, nobody()).await.unwrap(),
                "the token" => world.machines.revoke(issued.access.expose(), nobody()).await.unwrap(),
                "gone" => world.machines.delete_service(service.id, nobody()).await.unwrap(),
                _ => {
                    if way == "roles" {
                        change.roles = Some(Vec::new());
                    } else {
                        change.disabled = Some(true);
                    }
                    world.machines.change_service(service.id, change, nobody()).await.map(drop).unwrap();
                }
            }
            assert_refused!(bounded.verify_any(issued.access.expose()), Error::InvalidToken);
            let caller = world.test.auth.verifier().verify_any(issued.access.expose()).unwrap();
            assert_refused!(world.machines.current(&caller).await, Error::InvalidToken);
            assert_eq!(world.machines.introspect(issued.access.expose()).await.unwrap(), None, "{way}");
        }
    }

    async fn what_ended_elsewhere_is_heard_of_by_a_poll(db: &TestDatabase) {
        let world = World::new(db).await;
        let elsewhere = TestAuth::instance(db, keys(), &world.test.clock, 2, |builder| builder).await;
        let bounded = elsewhere.auth.verifier().bounded(elsewhere.auth.revocations());
        elsewhere.auth.poll_revocations().await.unwrap();
        let service = world.service(&[]).await;
        for way in ["the key", "the token", "kept out"] {
            let mut change = ServiceChange::default();
            change.disabled = Some(false);
            world.machines.change_service(service.id, change, nobody()).await.unwrap();
            let made = world.service_key(service.id, &[]).await;
            world.test.clock.advance(SECOND);
            let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
            elsewhere.auth.poll_revocations().await.unwrap();
            bounded.verify_any(issued.access.expose()).unwrap();
            match way {
                "the key" => world.machines.end_any_key(made.key.id, nobody()).await.unwrap(),
                "the token" => world.machines.revoke(issued.access.expose(), nobody()).await.unwrap(),
                _ => {
                    let mut change = ServiceChange::default();
                    change.disabled = Some(true);
                    world.machines.change_service(service.id, change, nobody()).await.map(drop).unwrap();
                }
            }
            bounded.verify_any(issued.access.expose()).expect("not heard of yet");
            elsewhere.auth.poll_revocations().await.unwrap();
            assert_refused!(bounded.verify_any(issued.access.expose()), Error::InvalidToken);
        }
    }

    async fn a_token_does_not_outlive_the_overlap_of_a_key_that_was_rotated(db: &TestDatabase) {
        let world = World::with(db, |builder| builder.configure(|config| config.tokens.access_ttl = 3 * 3600 * SECOND)).await;
        let service = world.service(&[]).await;
        let (rotated, kept) = (world.service_key(service.id, &[]).await, world.service_key(service.id, &[]).await);
        let token = async |made: &auth_core::machine::MadeApiKey| {
            world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap()
        };
        let (of_rotated, of_kept) = (token(&rotated).await, token(&kept).await);
        let bounded = world.test.auth.verifier().bounded(world.test.auth.revocations());
        world.test.auth.poll_revocations().await.unwrap();
        let rotate = auth_core::machine::RotateApiKey::new(rotated.key.id).overlap_hours(1);
        world.machines.rotate_service_key(rotate, nobody()).await.unwrap();
        world.test.clock.advance(3599 * SECOND);
        world.test.auth.poll_revocations().await.unwrap();
        bounded.verify_any(of_rotated.access.expose()).expect("in the overlap");
        world.test.clock.advance(SECOND);
        world.test.auth.poll_revocations().await.unwrap();
        assert_refused!(bounded.verify_any(of_rotated.access.expose()), Error::InvalidToken);
        bounded.verify_any(of_kept.access.expose()).unwrap();
    }

    async fn introspection_tells_of_what_is_good_and_of_nothing_else(db: &TestDatabase) {
        let world = World::new(db).await;
        let (tokens, service) = (world.test.login().await, world.service(&["editor"]).await);
        let (own, made) = (world.key(&["read:todos"]).await, world.service_key(service.id, &["read:todos"]).await);
        let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        let user = world.caller.user_id();
        world.test.statements();
        let good = [
            (tokens.access.expose(), TokenKind::Access, user, EMAIL, Caller::Person),
            (tokens.refresh.expose(), TokenKind::Refresh, user, EMAIL, Caller::Person),
            (own.secret.expose(), TokenKind::ApiKey, user, EMAIL, Caller::Person),
            (made.secret.expose(), TokenKind::ApiKey, service.id, "billing", Caller::Service),
            (issued.access.expose(), TokenKind::Access, service.id, "billing", Caller::Service),
        ];
        for (token, kind, account, username, caller) in good {
            let found = world.machines.introspect(token).await.unwrap().unwrap();
            assert_eq!((found.kind, found.account, found.username.as_str(), found.caller), (kind, account, username, caller));
            let is_session = matches!(kind, TokenKind::Access | TokenKind::Refresh) && caller == Caller::Person;
            assert_eq!(found.session, is_session.then_some(tokens.session_id));
            assert_eq!(found.assurance, is_session.then_some(Assurance::Aal1));
            assert_eq!((found.key.is_some(), found.scopes.len()), if is_session { (false, 0) } else { (true, 1) });
        }
        let said = world.test.statements();
        assert!(said.iter().all(|sql| sql.starts_with("SELECT")), "{said:?}");
        for bad in ["", "x", "ak_x", "a.b.c"] {
            assert_eq!(world.machines.introspect(bad).await.unwrap(), None, "{bad}");
        }
    }

    async fn introspection_neither_rotates_a_refresh_token_nor_takes_it_for_used(db: &TestDatabase) {
        let world = World::new(db).await;
        let first = world.test.login().await;
        world.test.clock.advance(PAST_GRACE);
        let second = world.test.refresh(&first.refresh).await.unwrap();
        world.test.clock.advance(PAST_GRACE);
        let third = world.test.refresh(&second.refresh).await.unwrap();
        world.test.clock.advance(PAST_GRACE);
        let before = world.test.dump("auth_session").await;
        let worth = async |token: &auth_core::RefreshToken| world.machines.introspect(token.expose()).await.unwrap().is_some();
        assert_eq!((worth(&first.refresh).await, worth(&third.refresh).await), (false, true));
        assert_eq!(world.test.dump("auth_session").await, before);
        world.test.refresh(&third.refresh).await.unwrap();
        world.test.auth.logout(third.refresh.clone(), nobody()).await.unwrap();
        assert!(!worth(&third.refresh).await);
        assert_eq!(world.machines.introspect(third.access.expose()).await.unwrap(), None, "its session is over");
    }

    async fn whoever_has_a_token_may_end_it(db: &TestDatabase) {
        let world = World::new(db).await;
        let (by_refresh, by_access) = (world.test.login().await, world.test.login().await);
        let (own, service) = (world.key(&[]).await, world.service(&[]).await);
        let made = world.service_key(service.id, &[]).await;
        let issued = world.machines.token(made.secret.expose(), None, None, &nobody()).await.unwrap();
        for token in [by_refresh.refresh.expose(), by_access.access.expose(), own.secret.expose(), issued.access.expose()] {
            assert!(world.machines.introspect(token).await.unwrap().is_some());
            world.machines.revoke(token, nobody()).await.unwrap();
            assert_eq!(world.machines.introspect(token).await.unwrap(), None);
            world.machines.revoke(token, nobody()).await.expect("it is over already");
        }
        assert_refused!(world.test.refresh(&by_refresh.refresh).await, Error::SessionLeft);
        assert_refused!(world.test.refresh(&by_access.refresh).await, Error::SessionOver);
        world.verify(&made).await.expect("the key of a token that was ended goes on");
        for unknown in ["", "x", "a.b.c", "ak_x"] {
            world.machines.revoke(unknown, nobody()).await.unwrap();
        }
    }
}
