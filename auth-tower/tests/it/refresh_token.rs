use std::time::Duration;

use auth_core::ClientInfo;
use auth_migration::test_util::TestDatabase;
use auth_tower::AuthServiceBuilder;

use crate::support::{ADA, Req, World};

const LOGIN: &str = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;

auth_migration::each_database! {
    async fn the_next_cookie_refreshes_and_a_replay_ends_everything(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (_, first) = world.ada_signs_in().await;
        let second = world.refresh(&first).await.expect(200).cookie().unwrap();
        assert_ne!(first, second);
        world.clock.advance(Duration::from_mins(1));
        let third = world.refresh(&second).await.expect(200);
        world.clock.advance(Duration::from_mins(1));

        let replay = world.refresh(&first).await.expect_problem(401, "invalid_token");
        assert!(replay.clears_cookie());
        assert_eq!(replay.member("error"), "invalid_grant");
        assert_eq!(replay.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
        world.refresh(&third.cookie().unwrap()).await.expect_problem(401, "invalid_token");
        world.me(&third.member("access_token")).await.expect_problem(401, "invalid_token");
        assert_eq!(world.events.count("refresh_reused"), 1);
    }

    async fn a_cookie_is_cleared_when_its_session_is_over_and_not_otherwise(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        let (name, token) = cookie.split_once('=').unwrap();
        let mut forged = token.to_owned();
        let last = forged.pop().unwrap();
        forged.push(if last == 'A' { 'Q' } else { 'A' });
        for garbage in ["x", "....", "%00", &forged, &access, &"A".repeat(4000)] {
            let answer = world.refresh(&format!("{name}={garbage}")).await;
            let answer = answer.expect_problem(401, "invalid_token");
            assert_eq!(answer.header("set-cookie"), None, "{garbage}");
        }
        // A refresh token is no bearer token, nor the other way round.
        world.me(token).await.expect_problem(401, "invalid_token");

        let user = world.me(&access).await.expect(200).member("id").parse().unwrap();
        world.auth.disable(user, ClientInfo::default()).await.unwrap();
        assert!(world.refresh(&cookie).await.expect_problem(401, "invalid_token").clears_cookie());
        world.me(&access).await.expect_problem(401, "invalid_token");
        world.login(ADA, crate::support::PASSWORD).await.expect_problem(401, "invalid_credentials");
    }

    async fn a_client_that_has_left_its_session_keeps_whatever_cookie_it_has_now(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        // The answers in the other order: the new cookie is in the jar when this refusal arrives.
        let (_, replaced) = world.ada_signs_in().await;
        let fresh = world.send(Req::post("/login").cookie(&replaced).json(LOGIN)).await.expect(200);
        let (_, signed_out) = world.ada_signs_in().await;
        world.send(Req::post("/logout").cookie(&signed_out)).await.expect(204);
        for left in [&replaced, &signed_out] {
            let answer = world.refresh(left).await.expect_problem(401, "invalid_token");
            assert_eq!(answer.header("set-cookie"), None);
            assert_eq!(answer.member("error"), "invalid_grant");
            assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
        }
        world.refresh(&fresh.cookie().unwrap()).await.expect(200);
    }

    async fn a_client_whose_session_was_ended_elsewhere_loses_the_cookie(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (own, _) = world.ada_signs_in().await;
        for way in ["by the owner", "with the others", "by the access token", "with all"] {
            let (access, cookie) = world.ada_signs_in().await;
            let caller = world.auth.verifier().verify(&access).unwrap();
            let path = format!("/users/me/sessions/{}", caller.session_id().unwrap());
            let request = match way {
                "by the owner" => Req::new("DELETE", &path).bearer(&own),
                "with the others" => Req::new("DELETE", "/users/me/sessions").bearer(&own),
                "by the access token" => Req::post("/logout").bearer(&access),
                _ => {
                    world.auth.logout_all(caller.user_id(), ClientInfo::default()).await.unwrap();
                    Req::post("/logout")
                }
            };
            world.send(request).await.expect(204);
            let answer = world.refresh(&cookie).await.expect_problem(401, "invalid_token");
            assert!(answer.clears_cookie(), "{way}: {answer:?}");
        }
    }

    async fn once_the_session_is_swept_its_cookie_is_cleared_however_it_ended(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (_, cookie) = world.ada_signs_in().await;
        world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
        world.clock.advance(Duration::from_hours(1));
        assert_eq!(world.auth.sweep().await.unwrap(), 1);
        assert!(world.refresh(&cookie).await.expect_problem(401, "invalid_token").clears_cookie());
    }

    async fn an_expired_session_is_over(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        world.clock.advance(Duration::from_hours(7 * 24 + 1));
        assert!(world.refresh(&cookie).await.expect_problem(401, "invalid_token").clears_cookie());
        world.me(&access).await.expect_problem(401, "invalid_token");
    }

    async fn a_database_that_is_away_signs_nobody_out(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        world.db.close_by_ref().await.unwrap();
        let answer = world.refresh(&cookie).await.expect_problem(503, "unavailable");
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert_eq!(answer.member("error"), "temporarily_unavailable");
        world.me(&access).await.expect_problem(503, "unavailable");
        world.login(ADA, crate::support::PASSWORD).await.expect_problem(503, "unavailable");
        world.register("bob@example.com", crate::support::PASSWORD).await.expect_problem(503, "unavailable");
    }

    async fn of_two_cookies_of_the_name_none_is_believed(database: &TestDatabase) {
        let world = World::new(database).await.with(AuthServiceBuilder::insecure_cookie).with_ada().await;
        let (_, own) = world.ada_signs_in().await;
        let (_, tossed) = world.ada_signs_in().await;
        let answer = world.refresh(&format!("{tossed}; {own}")).await.expect_problem(401, "invalid_token");
        assert_eq!(answer.header("set-cookie"), None);
        world.refresh(&format!("{own}; {own}")).await.expect(200);
        // Signing out ends both.
        world.send(Req::post("/logout").cookie(&tossed).cookie(&own)).await.expect(204);
        world.refresh(&own).await.expect_problem(401, "invalid_token");
        world.refresh(&tossed).await.expect_problem(401, "invalid_token");
    }
}
