//! The doors as an axum host uses them.

use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthLayer, Problem, RequireLayer, axum::CurrentUser};
use axum::{Router, body::Body, routing::get};
use http::StatusCode;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::support::{Req, World};

async fn status_and_body(router: &Router, request: Req) -> (u16, String) {
    let Ok(response) = router.clone().oneshot(request.build().map(Body::from)).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn own_problem() -> Result<&'static str, Problem> {
    Err(Problem::new(StatusCode::CONFLICT, "team_full", "The team is full."))
}

#[tokio::test]
async fn handlers_get_the_caller_and_layers_stand_in_the_order_of_the_book() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let user = world.me(&access).await.member("id");
    let admin = Router::new().route("/admin", get(async || "admin"));
    let router = Router::new()
        .route("/me", get(async |CurrentUser(caller): CurrentUser| caller.user_id().to_string()))
        .merge(admin.layer(RequireLayer::role("admin").unwrap()))
        .layer(AuthLayer::required(world.auth.verifier()))
        .merge(
            Router::new()
                .route("/open", get(async |caller: Option<CurrentUser>| caller.is_some().to_string()))
                .layer(AuthLayer::optional(world.auth.verifier())),
        )
        .route("/problem", get(own_problem))
        .nest_service("/auth", world.service());

    assert_eq!(status_and_body(&router, Req::get("/me").bearer(&access)).await, (200, user));
    assert_eq!(status_and_body(&router, Req::get("/me")).await.0, 401);
    assert_eq!(status_and_body(&router, Req::get("/admin").bearer(&access)).await.0, 403);
    assert_eq!(status_and_body(&router, Req::get("/admin")).await.0, 401);
    assert_eq!(status_and_body(&router, Req::get("/open")).await, (200, "false".to_owned()));
    assert_eq!(status_and_body(&router, Req::get("/open").bearer(&access)).await, (200, "true".to_owned()));
    let (status, body) = status_and_body(&router, Req::get("/problem")).await;
    assert_eq!(status, 409);
    assert!(body.contains("team_full"), "{body}");
    assert_eq!(status_and_body(&router, Req::get("/auth/users/me").bearer(&access)).await.0, 200);
}
