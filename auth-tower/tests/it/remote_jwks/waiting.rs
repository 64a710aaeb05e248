//! The request while it waits, and the service that it waits for.

use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tower::{Service, ServiceExt};

use super::*;

/// A service that must have been ready before it is called; so must each of its copies.
#[derive(Default)]
struct Particular {
    ready: bool,
}

impl Clone for Particular {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<Full<Bytes>>> for Particular {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been ready");
        let caller = request.extensions().get::<Principal>().unwrap();
        std::future::ready(Ok(Response::new(Full::from(caller.user_id().to_string()))))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    let mut door = AuthLayer::required(scene.keys.clone()).layer(Particular::default());
    // The first one waits for the keys, the others do not; all go through one service.
    for _ in 0..3 {
        let request = Req::get("/").bearer(&ada).build().map(Full::new);
        let response = door.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!(scene.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_principal_from_elsewhere_does_not_get_through_by_waiting() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    let mallory = scene.world.auth.verifier().verify(&ada).unwrap();
    let door = AuthLayer::optional(scene.keys.clone()).layer(tower::service_fn(whoami));
    let request = Req::get("/").extension(mallory.clone());
    assert_eq!(send(door.clone(), request).await.expect(200).body, "nobody");
    scene.issuer.replies(Reply::HangUp);
    send(door, Req::get("/").bearer(&ada).extension(mallory)).await.expect_problem(503, "unavailable");
}

#[tokio::test]
async fn a_strict_check_reads_the_session_after_it_waited_for_the_keys() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let (access, cookie) = scene.world.ada_signs_in().await;
    let layer = AuthLayer::required(scene.keys.clone()).strict(scene.world.auth.clone());
    let door = layer.layer(tower::service_fn(whoami));
    for _ in 0..2 {
        send(door.clone(), Req::get("/").bearer(&access)).await.expect(200);
    }
    scene.world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
    send(door, Req::get("/").bearer(&access)).await.expect_problem(401, "invalid_token");
    let (scene, ended) = (scene.anew(), access);
    let door = AuthLayer::required(scene.keys.clone()).strict(scene.world.auth.clone());
    let answer = send(door.layer(tower::service_fn(whoami)), Req::get("/").bearer(&ended)).await;
    answer.expect_problem(401, "invalid_token");
    assert_eq!(scene.issuer.fetches(), 2, "this one had to wait, too");
}

#[tokio::test]
async fn a_grpc_call_that_waited_in_vain_is_told_unavailable() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    scene.issuer.replies(Reply::HangUp);
    let door = AuthLayer::required(scene.keys.clone()).grpc().layer(tower::service_fn(whoami));
    let call = Req::post("/hello.Greeter/Hello").header("content-type", "application/grpc").bearer(&ada);
    let answer = send(door, call).await.expect(200);
    assert_eq!(answer.header("grpc-status"), Some("14"));
    assert_eq!(answer.header("grpc-retry-pushback-ms"), Some("10000"));
}

#[tokio::test]
async fn keys_can_be_loaded_at_the_start() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    for _ in 0..3 {
        scene.keys.load().await.unwrap();
    }
    scene.get(&scene.ada().await).await.expect(200);
    assert_eq!(scene.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_token_that_comes_in_another_way_is_verified_by_the_same_keys() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let ada = scene.ada().await;
    let (caller, other) = tokio::join!(scene.keys.verify(&ada), scene.keys.verify("x"));
    assert_eq!(caller.unwrap(), scene.world.auth.verifier().verify(&ada).unwrap());
    assert_eq!(other.unwrap_err().status(), 401);
    assert_eq!(scene.issuer.fetches(), 1);
}

/// The future of a request may be sent to another thread, and be dropped there.
#[tokio::test]
async fn a_waiting_request_may_change_threads() {
    let database = TestDatabase::sqlite().await;
    let scene = Scene::new(&database).await;
    let (ada, keys) = (scene.ada().await, scene.keys.clone());
    let (send, receive) = oneshot::channel();
    tokio::spawn(async move { send.send(get(&keys, &ada).await.status).unwrap() });
    assert_eq!(receive.await.unwrap(), 200);
}
