use auth_core::{ClientInfo, Registration};
use auth_migration::test_util::TestDatabase;
use auth_tower::{ClientAddr, Endpoint};

use crate::support::{ADA, PASSWORD, Req, World};

const BODY: &str = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;

auth_migration::each_database! {
    async fn unknown_members_are_never_applied(database: &TestDatabase) {
        let world = World::new(database).await;
        let body = r#"{"email":"ada@example.com","password":"correct horse battery","roles":["admin"],
            "role":"admin","is_admin":true,"email_verified":true,"disabled":true,"id":"x","nested":{"a":[1]}}"#;
        let user = world.send(Req::post("/register").json(body)).await.expect(201).json();
        assert_eq!(user["roles"], serde_json::json!(["user"]));
        assert_eq!(user["email_verified"], false);
        let (access, _) = world.ada_signs_in().await;
        assert_eq!(world.me(&access).await.expect(200).json(), user);
    }

    async fn the_client_is_recorded_as_the_host_tells_it_and_never_from_forwarding_headers(database: &TestDatabase) {
        let world = World::new(database).await;
        let request = Req::post("/register").json(BODY)
            .header("user-agent", b"Mozilla/5.0 \xff")
            .header("x-request-id", "one")
            .header("x-forwarded-for", "203.0.113.9")
            .header("forwarded", "for=203.0.113.9")
            .header("x-real-ip", "203.0.113.9");
        world.send(request).await.expect(201);
        let unknown = ClientInfo::default().user_agent("Mozilla/5.0 \u{fffd}").request_id("one");
        assert_eq!(world.events.events()[0].client, unknown);

        let address = "198.51.100.7".parse().unwrap();
        let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
        world.send(Req::post("/login").json(body).extension(ClientAddr(address)).header("x-request-id", "two")).await.expect(200);
        assert_eq!(world.events.events()[1].client, ClientInfo::default().ip(address).request_id("two"));
    }
}

#[tokio::test]
async fn a_closed_registration_is_forbidden_and_reads_nothing() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, |settings| {
        settings.configure(|config| config.registration = Registration::Closed)
    })
    .await;
    world.send(Req::post("/register").json("not even JSON")).await.expect_problem(403, "forbidden");
    assert_eq!(world.rows().await, 0);
    assert_eq!(world.hasher.hashes(), 0);
}

#[tokio::test]
async fn an_endpoint_taken_away_is_not_there() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let world = world.with(|service| service.without(Endpoint::REGISTER).without(Endpoint::ME));
    world.register("bob@example.com", PASSWORD).await.expect_problem(404, "not_found");
    let get = world.send(Req::get("/register")).await.expect_problem(404, "not_found");
    assert_eq!(get.header("allow"), None);
    let (access, _) = world.ada_signs_in().await;
    world.me(&access).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_prefix_of_the_host_stands_before_the_location() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with(|service| service.mounted_at("/auth"));
    let answer = world.register(ADA, PASSWORD).await.expect(201);
    assert_eq!(answer.header("location"), Some("/auth/users/me"));
}
