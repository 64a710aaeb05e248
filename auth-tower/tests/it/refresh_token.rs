use std::time::Duration;

use auth_migration::test_util::TestDatabase;
use auth_tower::AuthServiceBuilder;

use crate::support::{ADA, Req, World};

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
        world.auth.disable(user).await.unwrap();
        assert!(world.refresh(&cookie).await.expect_problem(401, "invalid_token").clears_cookie());
        world.me(&access).await.expect_problem(401, "invalid_token");
        world.login(ADA, crate::support::PASSWORD).await.expect_problem(401, "invalid_credentials");
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
