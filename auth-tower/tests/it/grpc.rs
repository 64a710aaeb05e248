//! The doors of a gRPC service: refusals as its clients read them.

use std::convert::Infallible;

use auth_core::Assurance;
use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthLayer, RequireLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::Layer;

use crate::{
    layers::send,
    support::{Answer, Req, World},
};

async fn inner(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("an answer")))
}

/// Trailers-Only: a head and nothing after it.
fn expect_grpc(answer: Answer, status: &str) -> Answer {
    let answer = answer.expect(200);
    assert_eq!(answer.header("grpc-status"), Some(status), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/grpc"));
    assert!(answer.header("grpc-message").is_some_and(|message| !message.is_empty()));
    assert_eq!((answer.body.as_str(), answer.header("www-authenticate")), ("", None));
    answer
}

#[tokio::test]
async fn a_grpc_call_is_refused_by_a_grpc_status() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let call = || Req::post("/hello.Greeter/Hello").header("content-type", "application/grpc+proto");

    let door = AuthLayer::required(world.auth.verifier()).grpc().layer(tower::service_fn(inner));
    assert_eq!(send(door.clone(), call().bearer(&access)).await.expect(200).body, "an answer");
    expect_grpc(send(door.clone(), call()).await, "16");
    expect_grpc(send(door.clone(), call().bearer("x")).await, "16");
    // Whatever is no gRPC call is answered as at any other door.
    send(door, Req::get("/").bearer("x")).await.expect_problem(401, "invalid_token");

    // A password is one factor; a client reads that another is asked for from the status and the message.
    let two = RequireLayer::assurance(Assurance::Aal2).layer(tower::service_fn(inner));
    let stepping_up = AuthLayer::required(world.auth.verifier()).grpc().layer(two);
    expect_grpc(send(stepping_up.clone(), call().bearer(&access)).await, "16");
    send(stepping_up, Req::get("/").bearer(&access))
        .await
        .expect_problem(401, "insufficient_user_authentication");

    let inner = RequireLayer::role("admin").unwrap().layer(tower::service_fn(inner));
    let door = AuthLayer::optional(world.auth.verifier()).grpc().layer(inner);
    expect_grpc(send(door.clone(), call().bearer(&access)).await, "7");
    expect_grpc(send(door.clone(), call()).await, "16");
    send(door, Req::get("/").bearer(&access)).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_grpc_call_that_the_database_must_decide_is_unavailable_without_it() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let door = AuthLayer::required(world.auth.verifier()).strict(world.auth.clone()).grpc();
    let door = door.layer(tower::service_fn(inner));
    let call =
        || Req::post("/hello.Greeter/Hello").header("content-type", "application/grpc").bearer(&access);
    send(door.clone(), call()).await.expect(200);
    world.db.close_by_ref().await.unwrap();
    let answer = expect_grpc(send(door, call()).await, "14");
    assert_eq!(answer.header("grpc-retry-pushback-ms"), Some("2000"));
}

#[tokio::test]
async fn no_content_type_turns_the_refusal_of_another_door_into_a_200() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, _) = world.ada_signs_in().await;
    let inner = RequireLayer::role("admin").unwrap().layer(tower::service_fn(inner));
    let door = AuthLayer::required(world.auth.verifier()).layer(inner);
    let call = || Req::post("/").header("content-type", "application/grpc");
    send(door.clone(), call()).await.expect_problem(401, "invalid_token");
    send(door.clone(), call().bearer(&access)).await.expect_problem(403, "forbidden");
    // Nor by what a door further out has left.
    let door = AuthLayer::optional(world.auth.verifier()).grpc().layer(door);
    send(door, call().bearer(&access)).await.expect_problem(403, "forbidden");
    let verify = Req::get("/verify").header("content-type", "application/grpc").bearer("x");
    world.send(verify).await.expect_problem(401, "invalid_token");
}
