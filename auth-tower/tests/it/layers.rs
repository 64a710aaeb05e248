//! The layers around routes of a host.

use std::{convert::Infallible, sync::Arc, time::Duration};

use auth_core::Principal;
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthLayer, RequireLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::Layer;

use crate::support::{Req, World, send};

type Body = Full<Bytes>;

/// Answers with the id of the caller, or `nobody`.
async fn whoami(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let caller = request.extensions().get::<Principal>();
    let name = caller.map_or_else(|| "nobody".to_owned(), |caller| caller.user_id().to_string());
    Ok(Response::new(Body::from(name)))
}

#[tokio::test]
async fn a_required_token_opens_and_anything_else_does_not() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, cookie) = world.ada_signs_in().await;
    let user = world.me(&access).await.member("id");
    let door = AuthLayer::required(world.auth.verifier()).layer(tower::service_fn(whoami));

    let answer = send(door.clone(), Req::get("/").bearer(&access)).await.expect(200);
    assert_eq!(answer.body, user);
    let answer = send(door.clone(), Req::get("/")).await.expect_problem(401, "invalid_token");
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for request in [Req::get("/").bearer("x"), Req::get("/").bearer(cookie.split_once('=').unwrap().1)] {
        let answer = send(door.clone(), request).await.expect_problem(401, "invalid_token");
        assert!(answer.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#));
    }
    world.clock.advance(Duration::from_mins(15));
    send(door, Req::get("/").bearer(&access)).await.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_optional_token_may_be_missing_but_not_wrong() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let door = AuthLayer::optional(world.auth.verifier()).layer(tower::service_fn(whoami));
    assert_eq!(send(door.clone(), Req::get("/")).await.expect(200).body, "nobody");
    assert_ne!(send(door.clone(), Req::get("/").bearer(&access)).await.expect(200).body, "nobody");
    send(door.clone(), Req::get("/").bearer("x")).await.expect_problem(401, "invalid_token");

    // A principal from anywhere else does not get through.
    let principal = world.auth.verifier().verify(&access).unwrap();
    assert_eq!(send(door, Req::get("/").extension(principal)).await.expect(200).body, "nobody");
}

#[tokio::test]
async fn requirements_are_closed_without_a_principal() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    for layer in [
        RequireLayer::signed_in(),
        RequireLayer::role("user"),
        RequireLayer::recent_sign_in(Duration::MAX, world.auth.clock()),
    ] {
        let door = layer.layer(tower::service_fn(whoami));
        let answer = send(door, Req::get("/")).await.expect_problem(401, "invalid_token");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="auth""#));
    }
}

#[tokio::test]
async fn a_role_opens_to_those_who_have_it() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let door = |role: &str| {
        let inner = RequireLayer::role(role).layer(tower::service_fn(whoami));
        AuthLayer::required(world.auth.verifier()).layer(inner)
    };
    send(door("user"), Req::get("/").bearer(&access)).await.expect(200);
    for role in ["admin", "", "use", "users", "USER"] {
        let answer = send(door(role), Req::get("/").bearer(&access)).await.expect_problem(403, "forbidden");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some(r#"Bearer realm="auth", error="insufficient_scope""#));
    }
    send(door("admin"), Req::get("/")).await.expect_problem(401, "invalid_token");

    let user = world.me(&access).await.member("id").parse().unwrap();
    world.auth.set_roles(user, &["admin"]).await.unwrap();
    let (access, _) = world.ada_signs_in().await;
    send(door("admin"), Req::get("/").bearer(&access)).await.expect(200);
}

#[tokio::test]
async fn a_refresh_is_no_recent_sign_in() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, cookie) = world.ada_signs_in().await;
    let inner = RequireLayer::recent_sign_in(Duration::from_mins(5), Arc::new(world.clock.clone()));
    let door = AuthLayer::required(world.auth.verifier()).layer(inner.layer(tower::service_fn(whoami)));
    world.clock.advance(Duration::from_mins(5));
    send(door.clone(), Req::get("/").bearer(&access)).await.expect(200);
    world.clock.advance(Duration::from_secs(1));
    let refreshed = world.refresh(&cookie).await.expect(200).member("access_token");
    for access in [access, refreshed] {
        let answer = send(door.clone(), Req::get("/").bearer(&access)).await;
        let answer = answer.expect_problem(401, "insufficient_user_authentication");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        assert!(challenge.contains(r#"max_age="300""#), "{challenge}");
    }
    let (access, _) = world.ada_signs_in().await;
    send(door, Req::get("/").bearer(&access)).await.expect(200);
}
