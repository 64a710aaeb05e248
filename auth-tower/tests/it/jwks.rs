use std::sync::Arc;

use auth_core::{Algorithm, Keys, PrivateKey, TokenVerifier};
use auth_migration::test_util::TestDatabase;
use auth_tower::Endpoint;

use crate::support::{Req, World};

const PATH: &str = "/.well-known/jwks.json";

#[tokio::test]
async fn another_service_verifies_with_what_the_endpoint_answers() {
    let next = PrivateKey::generate(Algorithm::Es256).unwrap();
    let change = |keys: Keys| {
        let signing = PrivateKey::generate(Algorithm::EdDsa).unwrap();
        keys.private_key(signing).also_verify(next.public_key().clone())
    };
    let database = TestDatabase::sqlite().await;
    let world = World::with_keys(&database, change).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;

    let answer = world.send(Req::get(PATH)).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let algorithms: Vec<_> =
        answer.json()["keys"].as_array().unwrap().iter().map(|key| key["alg"].clone()).collect();
    assert_eq!(algorithms, ["EdDSA", "ES256"], "the one that signs, and the one to come");
    let verifier = TokenVerifier::from_jwks(&answer.body, "auth", "auth").unwrap();
    let caller = verifier.clock(Arc::new(world.clock.clone())).verify(&access).unwrap();
    assert_eq!(caller, world.auth.verifier().verify(&access).unwrap());
    world.me(&access).await.expect(200);
}

#[tokio::test]
async fn a_shared_secret_has_nothing_to_publish() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let answer = world.send(Req::get(PATH)).await.expect(200);
    assert_eq!(answer.body, r#"{"keys":[]}"#);
    let answer = world.send(Req::new("DELETE", PATH)).await.expect_problem(405, "method_not_allowed");
    assert_eq!(
        (answer.header("allow"), answer.header("cache-control")),
        (Some("GET, HEAD"), Some("no-store"))
    );
    let world = world.with(|service| service.without(Endpoint::JWKS));
    world.send(Req::get(PATH)).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn pages_of_trusted_origins_may_read_the_keys_and_caches_keep_them_apart() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let world = world.with(|service| service.trusted_origin("https://app.example.com"));
    for (origin, allowed) in
        [("https://app.example.com", Some("https://app.example.com")), ("https://other.example", None)]
    {
        let answer = world.send(Req::get(PATH).header("origin", origin)).await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("vary"), Some("origin"));
    }
}
