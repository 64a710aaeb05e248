use std::time::Duration;

use auth_migration::test_util::TestDatabase;

use crate::support::{Req, World};

auth_migration::each_database! {
    async fn the_session_of_the_cookie_ends_whichever_generation_it_is(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (_, first) = world.ada_signs_in().await;
        world.clock.advance(Duration::from_mins(1));
        let answer = world.refresh(&first).await.expect(200);
        let logout = world.send(Req::post("/logout").cookie(&first)).await.expect(204);
        assert!(logout.clears_cookie());
        world.refresh(&answer.cookie().unwrap()).await.expect_problem(401, "invalid_token");
        world.me(&answer.member("access_token")).await.expect_problem(401, "invalid_token");
        assert_eq!(world.events.count("signed_out"), 1);
    }

    async fn without_a_cookie_the_session_of_the_bearer_token_ends(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        world.send(Req::post("/logout").bearer(&access)).await.expect(204);
        world.me(&access).await.expect_problem(401, "invalid_token");
        assert!(world.refresh(&cookie).await.expect_problem(401, "invalid_token").clears_cookie());
    }

    async fn a_cookie_that_is_no_good_does_not_keep_the_bearer_token_alive(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let request = Req::post("/logout").cookie("__Host-refresh_token=garbage").bearer(&access);
        assert!(world.send(request).await.expect(204).clears_cookie());
        world.me(&access).await.expect_problem(401, "invalid_token");
    }

    async fn two_sessions_in_one_request_both_end(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (_, cookie) = world.ada_signs_in().await;
        let (access, other) = world.ada_signs_in().await;
        world.send(Req::post("/logout").cookie(&cookie).bearer(&access)).await.expect(204);
        world.refresh(&cookie).await.expect_problem(401, "invalid_token");
        world.refresh(&other).await.expect_problem(401, "invalid_token");
    }

    async fn nothing_to_end_is_no_error(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        for _ in 0..2 {
            world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
        }
        for request in [
            Req::post("/logout"),
            Req::post("/logout").json("{}"),
            Req::post("/logout").bearer(&access),
            Req::post("/logout").bearer("garbage"),
            Req::post("/logout").header("authorization", "Basic Og=="),
            Req::post("/logout").cookie("__Host-refresh_token=garbage; other=1"),
        ] {
            assert!(world.send(request).await.expect(204).clears_cookie());
        }
        assert_eq!(world.events.count("signed_out"), 1);
    }

    async fn a_logout_that_may_have_failed_says_so_and_keeps_the_cookie(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        world.db.close_by_ref().await.unwrap();
        for request in [Req::post("/logout").cookie(&cookie), Req::post("/logout").bearer(&access)] {
            let answer = world.send(request).await.expect_problem(503, "unavailable");
            assert_eq!(answer.header("set-cookie"), None);
            assert!(answer.header("retry-after").is_some());
        }
    }
}
