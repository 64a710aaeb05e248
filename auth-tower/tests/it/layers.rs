//! The layers around routes of a host.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{ClientInfo, Principal};
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthLayer, RequireLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use sea_orm::ConnectionTrait;
use tower::{Layer, ServiceExt};

use crate::support::{Answer, Req, World};

type Body = Full<Bytes>;

/// Answers with the id of the caller, or `nobody`.
pub(crate) async fn whoami(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let caller = request.extensions().get::<Principal>();
    let name = caller.map_or_else(|| "nobody".to_owned(), |caller| caller.user_id().to_string());
    Ok(Response::new(Body::from(name)))
}

/// Answers with the roles of the caller, separated by commas.
async fn roles(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let caller = request.extensions().get::<Principal>().unwrap();
    Ok(Response::new(Body::from(caller.roles().join(","))))
}

/// The three ways to check a token: stateless, bounded, strict.
fn ways(world: &World) -> [AuthLayer; 3] {
    let (auth, verifier) = (&world.auth, world.auth.verifier());
    [
        AuthLayer::required(verifier.clone()),
        AuthLayer::required(verifier.clone().bounded(auth.revocations())),
        AuthLayer::required(verifier).strict(auth.clone()),
    ]
}

/// Whether each of the three lets this token through; a refusal is 401.
async fn through(world: &World, access: &str) -> [bool; 3] {
    let mut passed = [false; 3];
    for (layer, passed) in ways(world).into_iter().zip(&mut passed) {
        let answer = send(layer.layer(tower::service_fn(whoami)), Req::get("/").bearer(access)).await;
        *passed = answer.status == 200;
        if !*passed {
            let answer = answer.expect_problem(401, "invalid_token");
            assert!(answer.header("www-authenticate").unwrap().contains(r#"error="invalid_token""#));
        }
    }
    passed
}

const STATELESS_ONLY: [bool; 3] = [true, false, false];
const ALL_BUT_STRICT: [bool; 3] = [true, true, false];

pub(crate) async fn send<S, B>(service: S, request: Req) -> Answer
where
    S: tower::Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let Ok(response) = service.oneshot(request.build().map(Full::new)).await;
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(length, Some(body.len() as u64));
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
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
        RequireLayer::role("user").unwrap(),
        RequireLayer::recent_sign_in(Duration::MAX, world.auth.clock()),
    ] {
        let door = AuthLayer::optional(world.auth.verifier()).layer(layer.layer(tower::service_fn(whoami)));
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
        let inner = RequireLayer::role(role).unwrap().layer(tower::service_fn(whoami));
        AuthLayer::required(world.auth.verifier()).layer(inner)
    };
    send(door("user"), Req::get("/").bearer(&access)).await.expect(200);
    for role in ["admin", "use", "users"] {
        let answer = send(door(role), Req::get("/").bearer(&access)).await.expect_problem(403, "forbidden");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some(r#"Bearer realm="auth", error="insufficient_scope""#));
    }
    send(door("admin"), Req::get("/")).await.expect_problem(401, "invalid_token");

    let user = world.me(&access).await.member("id").parse().unwrap();
    world.auth.set_roles(user, &["admin"], ClientInfo::default()).await.unwrap();
    let (access, _) = world.ada_signs_in().await;
    send(door("admin"), Req::get("/").bearer(&access)).await.expect(200);
}

#[tokio::test]
async fn any_of_several_roles_opens() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let user = world.me(&access).await.member("id").parse().unwrap();
    world.auth.set_roles(user, &["editor"], ClientInfo::default()).await.unwrap();
    let (access, _) = world.ada_signs_in().await;
    for (roles, status) in [
        (&["editor"][..], 200),
        (&["admin", "editor"], 200),
        (&["admin", "user"], 200),
        (&["admin", "author"], 403),
    ] {
        let inner = RequireLayer::any_role(roles.iter().copied()).unwrap().layer(tower::service_fn(whoami));
        let door = AuthLayer::required(world.auth.verifier()).layer(inner);
        send(door.clone(), Req::get("/").bearer(&access)).await.expect(status);
        send(door, Req::get("/")).await.expect(401);
    }
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

auth_migration::each_database! {
    async fn what_ends_a_session_is_obeyed_by_each_way_after_its_own_delay(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let process = World::new(database).await;
        process.auth.poll_revocations().await.unwrap();
        for way in ["logout", "signed out everywhere", "disabled"] {
            let ((access, _), (other, _)) = (world.ada_signs_in().await, world.ada_signs_in().await);
            let caller = world.auth.verifier().verify(&access).unwrap();
            assert_eq!(through(&process, &access).await, [true; 3], "{way}");
            match way {
                "logout" => {
                    world.auth.logout_session(caller.session_id().unwrap(), ClientInfo::default()).await.unwrap();
                    assert_eq!(through(&process, &other).await, [true; 3], "{way}: that session and no other");
                }
                "disabled" => world.auth.disable(caller.user_id(), ClientInfo::default()).await.unwrap(),
                _ => world.auth.logout_all(caller.user_id(), ClientInfo::default()).await.unwrap(),
            }
            assert_eq!(through(&process, &access).await, ALL_BUT_STRICT, "{way}: not polled yet");
            process.auth.poll_revocations().await.unwrap();
            assert_eq!(through(&process, &access).await, STATELESS_ONLY, "{way}");
            for instance in [&world, &process] {
                instance.clock.advance(Duration::from_mins(15));
            }
            assert_eq!(through(&process, &access).await, [false; 3], "{way}: expired");
            world.auth.enable(caller.user_id(), ClientInfo::default()).await.unwrap();
        }
        let (access, _) = world.ada_signs_in().await;
        world.db.execute_unprepared("DELETE FROM auth_user").await.unwrap();
        process.auth.poll_revocations().await.unwrap();
        assert_eq!(through(&process, &access).await, ALL_BUT_STRICT, "a user who is gone left no row to poll");
    }

    async fn a_strict_check_gives_the_roles_of_this_moment(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let user = world.auth.verifier().verify(&access).unwrap().user_id();
        let [stateless, _, strict] = ways(&world);
        let (stateless, strict) =
            (stateless.layer(tower::service_fn(roles)), strict.layer(tower::service_fn(roles)));
        for (set, seen) in [(&["editor"][..], "user,editor"), (&[], "user")] {
            world.auth.set_roles(user, set, ClientInfo::default()).await.unwrap();
            assert_eq!(send(strict.clone(), Req::get("/").bearer(&access)).await.expect(200).body, seen);
            assert_eq!(send(stateless.clone(), Req::get("/").bearer(&access)).await.expect(200).body, "user");
        }

        // So a requirement inside of it sees them, too.
        let inner = RequireLayer::role("editor").unwrap().layer(tower::service_fn(whoami));
        let door = AuthLayer::required(world.auth.verifier()).strict(world.auth.clone()).layer(inner);
        send(door.clone(), Req::get("/").bearer(&access)).await.expect_problem(403, "forbidden");
        world.auth.set_roles(user, &["editor"], ClientInfo::default()).await.unwrap();
        send(door, Req::get("/").bearer(&access)).await.expect(200);
    }

    async fn without_a_database_a_strict_check_is_unavailable_and_never_a_refusal(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let [stateless, bounded, strict] = ways(&world);
        let optional = AuthLayer::optional(world.auth.verifier()).strict(world.auth.clone());
        world.db.close_by_ref().await.unwrap();
        for layer in [&strict, &optional] {
            let door = layer.layer(tower::service_fn(whoami));
            let answer = send(door.clone(), Req::get("/").bearer(&access)).await;
            let answer = answer.expect_problem(503, "unavailable");
            assert_eq!(answer.header("retry-after"), Some("2"));
            assert_eq!(answer.header("www-authenticate"), None);
            send(door, Req::get("/").bearer("x")).await.expect_problem(401, "invalid_token");
        }
        for layer in [stateless, bounded] {
            send(layer.layer(tower::service_fn(whoami)), Req::get("/").bearer(&access)).await.expect(200);
        }
    }
}

#[tokio::test]
async fn only_a_strict_check_asks_the_database_and_it_asks_once() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    world.statements();
    for (layer, statements) in ways(&world).into_iter().zip([0, 0, 1]) {
        let door = layer.layer(tower::service_fn(whoami));
        send(door.clone(), Req::get("/").bearer(&access)).await.expect(200);
        assert_eq!(world.statements(), statements);
        for request in [Req::get("/"), Req::get("/").bearer("x")] {
            send(door.clone(), request).await.expect_problem(401, "invalid_token");
        }
        assert_eq!(world.statements(), 0, "there is nothing to ask about");
    }
    let optional = AuthLayer::optional(world.auth.verifier()).strict(world.auth.clone());
    let door = optional.layer(tower::service_fn(whoami));
    assert_eq!(send(door.clone(), Req::get("/")).await.expect(200).body, "nobody");
    assert_eq!(world.statements(), 0);
    assert_ne!(send(door, Req::get("/").bearer(&access)).await.expect(200).body, "nobody");
    assert_eq!(world.statements(), 1);
}

#[tokio::test]
async fn each_way_answers_head_as_it_answers_get() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, cookie) = world.ada_signs_in().await;
    let (ended, logout) = world.ada_signs_in().await;
    world.send(Req::post("/logout").cookie(&logout)).await.expect(204);
    for layer in ways(&world) {
        let door = layer.layer(tower::service_fn(whoami));
        for token in [&access, &ended, cookie.split_once('=').unwrap().1] {
            let get = send(door.clone(), Req::get("/").bearer(token)).await;
            let head = send(door.clone(), Req::new("HEAD", "/").bearer(token)).await;
            assert_eq!((get.status, get.headers), (head.status, head.headers));
        }
    }
}

/// Fails when it is called without having been asked whether it is ready, as tower's limits do. A copy of it is not
/// ready.
struct Careful {
    ready: bool,
}

impl Clone for Careful {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl tower::Service<Request<Body>> for Careful {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        std::future::ready(Ok(Response::new(Body::from("careful"))))
    }
}

#[tokio::test]
async fn each_way_calls_the_service_that_said_it_was_ready() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    for layer in ways(&world) {
        let mut door = layer.layer(Careful { ready: false });
        for _ in 0..3 {
            assert_eq!(send(&mut door, Req::get("/").bearer(&access)).await.expect(200).body, "careful");
        }
    }
}
