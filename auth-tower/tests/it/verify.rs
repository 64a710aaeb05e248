use auth_core::ClientInfo;
use auth_migration::test_util::TestDatabase;
use sea_orm::ConnectionTrait;

use crate::support::{Answer, Req, World};

async fn verify(world: &World, access: &str) -> Answer {
    world.send(Req::get("/verify").bearer(access)).await
}

auth_migration::each_database! {
    async fn a_good_token_is_told_whose_it_is_and_a_bad_one_is_refused(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let caller = world.auth.verifier().verify(&access).unwrap();
        world.auth.set_roles(caller.user_id(), &["admin"], ClientInfo::default()).await.unwrap();
        let (access, _) = world.ada_signs_in().await;
        let caller = world.auth.verifier().verify(&access).unwrap();

        let answer = verify(&world, &access).await.expect(204);
        assert_eq!(answer.header("x-auth-user"), Some(&*caller.user_id().to_string()));
        assert_eq!(answer.header("x-auth-session"), Some(&*caller.session_id().unwrap().to_string()));
        assert_eq!(answer.header("x-auth-roles"), Some("user,admin"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        world.send(Req::get("/verify")).await.expect_problem(401, "invalid_token");
        let answer = verify(&world, &access.replace('.', "x")).await.expect_problem(401, "invalid_token");
        assert_eq!(answer.header("x-auth-user"), None);
        let answer = world.send(Req::post("/verify").bearer(&access)).await;
        assert_eq!(answer.expect_problem(405, "method_not_allowed").header("allow"), Some("GET, HEAD"));
    }

    async fn where_the_host_polls_an_ended_session_is_refused_and_the_database_is_not_asked(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        world.auth.poll_revocations().await.unwrap();
        let (access, cookie) = world.ada_signs_in().await;
        let (kept, _) = world.ada_signs_in().await;
        world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
        world.db.execute_unprepared("ALTER TABLE auth_session RENAME TO auth_gone").await.unwrap();
        verify(&world, &access).await.expect_problem(401, "invalid_token");
        verify(&world, &kept).await.expect(204);
    }
}
