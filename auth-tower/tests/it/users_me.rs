use auth_core::ClientInfo;
use std::time::Duration;

use auth_migration::test_util::TestDatabase;

use crate::support::{ADA, Req, World};

auth_migration::each_database! {
    async fn exactly_one_authorization_header_with_the_scheme_in_any_case_opens(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR "] {
            let request = Req::get("/users/me").header("authorization", format!("{scheme} {access}"));
            assert_eq!(world.send(request).await.expect(200).member("email"), ADA);
        }
        for values in [
            vec![format!("Bearer {access}"), format!("Bearer {access}")],
            vec![format!("Bearer {access}"), "Basic Og==".to_owned()],
            vec![format!("Bearer {access},{access}")],
            vec![format!("Bearer {access} x")],
            vec!["Bearer".to_owned()],
            vec![format!("Bearer {}", "A".repeat(9000))],
        ] {
            let request = values
                .iter()
                .fold(Req::get("/users/me"), |request, value| request.header("authorization", value));
            let answer = world.send(request).await.expect_problem(401, "invalid_token");
            assert!(answer.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#));
        }
    }

    async fn another_scheme_is_no_token_and_the_challenge_names_no_error(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        for request in [
            Req::get("/users/me"),
            Req::get("/users/me").header("authorization", "Basic YTpi"),
            Req::get("/users/me").header("authorization", format!("Token {access}")),
            Req::get("/users/me").header("authorization", &access),
            Req::get("/users/me").cookie(&cookie),
            Req::get("/users/me").cookie(&format!("access_token={access}")),
            Req::get(&format!("/users/me?access_token={access}&token={access}")),
            Req::get("/users/me").form(format!("access_token={access}")),
        ] {
            let answer = world.send(request).await.expect_problem(401, "invalid_token");
            assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
        }
    }

    async fn a_token_ends_with_its_time_and_with_its_user(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        world.clock.advance(Duration::from_secs(15 * 60 - 1));
        let user = world.me(&access).await.expect(200).member("id").parse().unwrap();
        world.clock.advance(Duration::from_secs(1));
        world.me(&access).await.expect_problem(401, "invalid_token");

        let access = world.refresh(&cookie).await.expect(200).member("access_token");
        world.auth.set_roles(user, &["editor"], ClientInfo::default()).await.unwrap();
        let roles = world.me(&access).await.expect(200).json()["roles"].clone();
        assert_eq!(roles, serde_json::json!(["user", "editor"]), "read from the database, not from the token");
        world.auth.disable(user, ClientInfo::default()).await.unwrap();
        world.me(&access).await.expect_problem(401, "invalid_token");
    }
}
