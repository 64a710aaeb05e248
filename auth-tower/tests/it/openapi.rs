//! What the service tells of itself. That its answers keep to it is checked at every request of these tests, in
//! `support/described.rs`.

use auth_core::Registration;
use auth_migration::test_util::TestDatabase;
use auth_tower::Endpoint;
use serde_json::Value;

use crate::support::{Req, World};

async fn description(world: &World) -> Value {
    world.send(Req::get("/openapi.json")).await.expect(200).json()
}

fn paths(description: &Value) -> Vec<&str> {
    description["paths"].as_object().unwrap().keys().map(String::as_str).collect()
}

auth_migration::each_database! {
    async fn the_description_is_there_for_everybody(database: &TestDatabase) {
        let world = World::new(database).await;
        let answer = world.send(Req::get("/openapi.json")).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["openapi"], "3.1.0");
        assert_eq!(answer.json(), world.service().openapi());
    }
}

#[tokio::test]
async fn what_is_not_mounted_is_not_described() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let all = description(&world).await;
    assert!(paths(&all).contains(&"/users/{id}") && !paths(&all).contains(&"/forgot-password"), "no mailer");
    let fewer = description(&world.with(|service| service.without_admin().without(Endpoint::VERIFY))).await;
    let gone: Vec<_> = paths(&all).into_iter().filter(|path| !paths(&fewer).contains(path)).collect();
    assert_eq!(
        gone,
        [
            "/api-keys/{id}",
            "/api-keys/{id}/rotate",
            "/service-accounts",
            "/service-accounts/{id}",
            "/service-accounts/{id}/api-keys",
            "/users",
            "/users/{id}",
            "/users/{id}/events",
            "/users/{id}/factors",
            "/users/{id}/sessions",
            "/verify"
        ]
    );
    let (world, _) = World::with_mail(&database, |settings| settings).await;
    assert!(paths(&description(&world).await).contains(&"/forgot-password"));
    let world = world.with(|service| service.without(Endpoint::OPENAPI));
    world.send(Req::get("/openapi.json")).await.expect_problem(404, "not_found");
    database.drop_database().await;
}

#[tokio::test]
async fn limits_and_answers_are_those_of_this_service() {
    let database = TestDatabase::sqlite().await;
    let (world, _) =
        World::with_mail(&database, |settings| settings.configure(|config| config.passwords.min_length = 15))
            .await;
    let world = world.with(|service| service.mounted_at("/auth").insecure_cookie());
    let told = description(&world).await;
    assert_eq!(told["components"]["schemas"]["Registration"]["properties"]["password"]["minLength"], 15);
    assert_eq!(told["servers"][0]["url"], "/auth");
    let schemes = &told["components"]["securitySchemes"];
    assert_eq!(schemes["password"]["flows"]["password"]["tokenUrl"], "/auth/login");
    assert_eq!(schemes["refresh_cookie"]["name"], "refresh_token");
    let (closed, _) = World::with_mail(&database, |settings| {
        settings.configure(|config| config.registration = Registration::Closed)
    })
    .await;
    let closed = description(&closed).await;
    assert!(closed["paths"]["/register"]["post"]["responses"]["201"].is_null());
    database.drop_database().await;
}
