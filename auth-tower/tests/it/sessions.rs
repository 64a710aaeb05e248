use auth_migration::test_util::TestDatabase;
use auth_tower::{ClientAddr, Endpoint};

use crate::support::{ADA, PASSWORD, Req, World};

const PATH: &str = "/users/me/sessions";

async fn list(world: &World, access: &str) -> Vec<serde_json::Value> {
    let answer = world.send(Req::get(PATH).bearer(access)).await.expect(200);
    answer.json()["sessions"].as_array().unwrap().clone()
}

auth_migration::each_database! {
    async fn the_owner_sees_each_session_and_which_one_this_is(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        world.ada_signs_in().await;
        world.clock.advance(std::time::Duration::from_secs(5));
        let login = serde_json::json!({ "email": ADA, "password": PASSWORD }).to_string();
        let login = Req::post("/login").json(login).header("user-agent", "Browser/1.0");
        let answer = world.send(login.extension(ClientAddr([192, 0, 2, 7].into()))).await.expect(200);

        let sessions = list(&world, &answer.member("access_token")).await;
        let [this, other] = &sessions[..] else { panic!("{sessions:?}") };
        let mut members: Vec<_> = this.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let documented =
            ["created_at", "current", "expires_at", "id", "ip", "last_used_at", "methods", "user_agent"];
        assert_eq!(members, documented);
        assert_eq!((&this["current"], &other["current"]), (&true.into(), &false.into()));
        assert_eq!((&this["ip"], &this["user_agent"]), (&"192.0.2.7".into(), &"Browser/1.0".into()));
        assert_eq!(this["created_at"], "2026-01-01T00:00:05Z");
        assert_eq!(this["expires_at"], "2026-01-08T00:00:05Z");
    }

    async fn one_is_ended_by_its_id_and_only_by_its_owner(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let (lost, cookie) = world.ada_signs_in().await;
        world.register("bob@example.com", PASSWORD).await.expect(201);
        let bob = world.login("bob@example.com", PASSWORD).await.expect(200).member("access_token");
        let sessions = list(&world, &lost).await;
        let id = sessions.iter().find(|session| session["current"] == true).unwrap()["id"].as_str().unwrap();
        let path = format!("{PATH}/{id}");

        world.send(Req::new("DELETE", &path).bearer(&bob)).await.expect_problem(404, "not_found");
        world.send(Req::new("DELETE", &path)).await.expect_problem(401, "invalid_token");
        world.me(&lost).await.expect(200);
        world.send(Req::new("DELETE", &path).bearer(&access)).await.expect(204);
        world.me(&lost).await.expect_problem(401, "invalid_token");
        world.refresh(&cookie).await.expect_problem(401, "invalid_token");
        world.send(Req::new("DELETE", &path).bearer(&access)).await.expect_problem(404, "not_found");
        world.me(&access).await.expect(200);
    }

    async fn the_others_are_ended_at_once_and_this_one_goes_on(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (other, _) = world.ada_signs_in().await;
        let (access, _) = world.ada_signs_in().await;
        world.send(Req::new("DELETE", PATH).bearer(&access)).await.expect(204);
        world.me(&other).await.expect_problem(401, "invalid_token");
        assert_eq!(list(&world, &access).await.len(), 1);
        world.send(Req::new("DELETE", PATH).bearer(&other)).await.expect_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn addresses_and_methods_are_as_documented() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let id = format!("{PATH}/7d444840-9dc0-11d1-b245-5ffdce74fad2");
    let answer = world.send(Req::post(PATH).bearer(&access)).await.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD, DELETE"));
    let answer = world.send(Req::get(&id).bearer(&access)).await.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("DELETE"));
    for path in ["/", "/nonsense", "/7d444840-9dc0-11d1-b245-5ffdce74fad2/", "/../me"] {
        let request = Req::new("DELETE", &format!("{PATH}{path}")).bearer(&access);
        world.send(request).await.expect_problem(404, "not_found");
    }
    let foreign = Req::new("DELETE", PATH).bearer(&access).header("origin", "https://evil.example");
    world.send(foreign).await.expect_problem(403, "cross_origin");

    let world = world.with(|builder| builder.without(Endpoint::SESSIONS).without(Endpoint::SESSION));
    for request in [Req::get(PATH), Req::new("DELETE", PATH), Req::new("DELETE", &id)] {
        world.send(request.bearer(&access)).await.expect_problem(404, "not_found");
    }
    database.drop_database().await;
}
