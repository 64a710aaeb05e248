//! Layers in the wrong order: a good token is not to blame, so the answer is 500, and a line of the log says what to do.

use std::convert::Infallible;

use auth_core::{ClientInfo, Verified};
use auth_migration::test_util::TestDatabase;
use auth_tower::{
    AuthLayer, RequireLayer,
    axum::{CurrentUser, User},
};
use axum::{Router, body::Body, routing::get};
use http::{Request, Response};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::{
    layers::{send, whoami},
    log::heard,
    support::{Req, World},
};

async fn secret() -> &'static str {
    "the answer"
}

async fn of_caller(_: CurrentUser) -> &'static str {
    "the answer"
}

async fn of_anybody(_: Option<CurrentUser>) -> &'static str {
    "the answer"
}

async fn of_user(_: User) -> &'static str {
    "the answer"
}

/// Asks with a good token: the status, the body, and what the log says.
async fn ask<S>(service: S, access: &str) -> (u16, String, String)
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let request = Req::get("/").bearer(access).build().map(Body::from);
    let (Ok(response), lines) = heard(service.oneshot(request)).await;
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap(), lines)
}

#[tokio::test]
async fn each_wrong_order_of_layers_is_a_fault_of_ours_and_one_line_names_it() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let auth = || AuthLayer::required(world.auth.verifier());
    let user = || RequireLayer::role("user").unwrap();
    let state = world.auth.clone();
    for (mistake, router, door) in [
        ("a route after the layer", Router::new().layer(auth()).route("/", get(of_caller)), "CurrentUser"),
        ("no layer at all", Router::new().route("/", get(of_anybody)), "Option<CurrentUser>"),
        (
            "a guard further out",
            Router::new().route("/", get(secret)).layer(auth()).layer(user()),
            "RequireLayer",
        ),
        (
            "the order of axum in a ServiceBuilder",
            Router::new().route("/", get(secret)).layer(ServiceBuilder::new().layer(user()).layer(auth())),
            "RequireLayer",
        ),
        (
            "a layer on another branch",
            Router::new()
                .route("/", get(of_user).with_state(state))
                .merge(Router::new().route("/other", get(secret)).layer(auth())),
            "extractor User",
        ),
    ] {
        let (status, body, lines) = ask(router, &access).await;
        assert_eq!(status, 500, "{mistake}: {body}");
        assert!(body.contains(r#""code":"internal""#), "{mistake}: {body}");
        assert_eq!((lines.lines().count(), lines.matches("ERROR").count()), (1, 1), "{mistake}: {lines}");
        for word in [door, "AuthLayer", "axum", "ServiceBuilder", "tonic"] {
            assert!(lines.contains(word), "{mistake}: {word}: {lines}");
        }
        assert!(!lines.contains(&access), "{lines}");
    }
    for right in [
        Router::new().route("/", get(of_caller)).layer(auth()),
        Router::new().route("/", get(of_anybody)).layer(AuthLayer::optional(world.auth.verifier())),
        Router::new().route("/", get(secret)).layer(user()).layer(auth()),
        Router::new().route("/", get(secret)).layer(ServiceBuilder::new().layer(auth()).layer(user())),
        Router::new().route("/", get(of_user)).layer(auth()).with_state(world.auth.clone()),
    ] {
        assert_eq!(ask(right, &access).await, (200, "the answer".to_owned(), String::new()));
    }
}

#[tokio::test]
async fn nobody_gets_in_where_the_layer_is_missing_with_or_without_a_token() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    for layer in [
        RequireLayer::signed_in(),
        RequireLayer::role("user").unwrap(),
        RequireLayer::recent_sign_in(std::time::Duration::MAX, world.auth.clock()),
    ] {
        for request in [Req::get("/"), Req::get("/").bearer(&access)] {
            // Nor is a caller whom somebody else has put there.
            let request = request.extension(world.auth.verifier().verify(&access).unwrap());
            let answer = send(layer.layer(tower::service_fn(whoami)), request).await;
            answer.expect_problem(500, "internal");
        }
        // No client can turn that into the 200 of gRPC.
        let call = Req::post("/").header("content-type", "application/grpc");
        send(layer.layer(tower::service_fn(whoami)), call).await.expect_problem(500, "internal");
    }
}

auth_migration::each_database! {
    async fn a_guard_that_asks_for_a_strict_check_is_not_passed_with_a_role_of_before(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, _) = world.ada_signs_in().await;
        let user = world.me(&access).await.member("id").parse().unwrap();
        world.auth.set_roles(user, &["editor"], ClientInfo::default()).await.unwrap();
        let (access, _) = world.ada_signs_in().await;
        world.auth.poll_revocations().await.unwrap();
        let stateless = || AuthLayer::required(world.auth.verifier());
        let bounded = || AuthLayer::required(world.auth.verifier().bounded(world.auth.revocations()));
        let strict = || stateless().strict(world.auth.clone());
        let editor = || RequireLayer::role("editor").unwrap();
        let page = || tower::service_fn(whoami);
        let ask = async |access: &str| {
            // The strict layer stands further in than the guard: that decided by what the outer layer knew.
            let careless = stateless().layer(editor().layer(strict().layer(page())));
            let careful = stateless().layer(editor().verified(Verified::Strict).layer(strict().layer(page())));
            let too_little = bounded().layer(editor().verified(Verified::Strict).layer(page()));
            let enough = bounded().layer(editor().verified(Verified::Bounded).layer(page()));
            let right = stateless().layer(strict().layer(editor().verified(Verified::Strict).layer(page())));
            let bearer = || Req::get("/").bearer(access);
            let mut answers = vec![send(careless, bearer()).await.status.as_u16()];
            let (answer, lines) = heard(send(careful, bearer())).await;
            answers.push(answer.status.as_u16());
            assert!(lines.contains("ERROR") && lines.contains("Strict") && lines.contains("Stateless"), "{lines}");
            let (answer, lines) = heard(send(too_little, bearer())).await;
            answers.push(answer.status.as_u16());
            assert_eq!(lines.contains("ERROR") && lines.contains("Bounded"), answer.status == 500, "{lines}");
            answers.push(send(enough, bearer()).await.status.as_u16());
            answers.push(send(right, bearer()).await.status.as_u16());
            answers
        };
        assert_eq!(ask(&access).await, [200, 500, 500, 200, 200]);
        world.auth.set_roles(user, &[], ClientInfo::default()).await.unwrap();
        world.auth.poll_revocations().await.unwrap();
        assert_eq!(ask(&access).await, [200, 500, 401, 401, 403]);
    }
}

#[test]
fn a_role_that_nobody_can_have_is_refused_at_the_start() {
    for name in ["Admin", "", "chief editor", "r\u{f4}le", &"a".repeat(65)] {
        let refused = RequireLayer::role(name).unwrap_err();
        assert_eq!(refused.setting(), "role", "{name}");
        assert!(RequireLayer::any_role(["admin", name]).is_err(), "{name}");
    }
    let none: [&str; 0] = [];
    assert!(RequireLayer::any_role(none).is_err());
    assert!(RequireLayer::any_role(["a", &"a".repeat(64), "chief-editor_2"]).is_ok());
}
