//! Nobody learns from an answer who has an account (ASVS 6.3.8).

use auth_core::ClientInfo;
use auth_migration::test_util::TestDatabase;
use http::HeaderMap;

use crate::support::{ADA, PASSWORD, Req, World};

auth_migration::each_database! {
    async fn known_and_unknown_addresses_cost_the_same_and_look_the_same_at_login(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let user = world.register("grace@example.com", PASSWORD).await.expect(201).member("id");
        world.auth.disable(user.parse().unwrap(), ClientInfo::default()).await.unwrap();

        let mut seen: Option<(HeaderMap, String, usize)> = None;
        for (name, password) in [
            (ADA, "a wrong password"),
            ("nobody@example.com", "a wrong password"),
            ("no address at all", "a wrong password"),
            ("grace@example.com", PASSWORD),
            ("grace@example.com", "a wrong password"),
        ] {
            for request in [
                Req::post("/login").json(serde_json::json!({"email": name, "password": password}).to_string()),
                Req::post("/login").json(serde_json::json!({"username": name, "password": password}).to_string()),
                Req::post("/login").form(format!("username={name}&password={password}")),
            ] {
                let before = (world.hasher.verifications(), world.hasher.hashes());
                let answer = world.send(request.header("x-request-id", "same")).await;
                let answer = answer.expect_problem(401, "invalid_credentials");
                assert_eq!(world.hasher.hashes(), before.1);
                let verifications = world.hasher.verifications() - before.0;
                let this = (answer.headers, answer.body, verifications);
                assert_eq!(seen.get_or_insert_with(|| this.clone()), &this, "{name}");
            }
        }
        assert_eq!(seen.unwrap().2, 1);
    }
}
