//! Bodies that are too large, too slow, or break off.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use auth_migration::test_util::TestDatabase;
use auth_tower::AuthService;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::Full;
use tower::ServiceExt;

use crate::support::{Req, World};

#[tokio::test]
async fn a_body_may_fill_the_limit_and_not_one_byte_more() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let login = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
    let padded = |length: usize| format!("{login}{}", " ".repeat(length - login.len()));
    world.send(Req::post("/login").json(padded(16 * 1024))).await.expect(200);
    world.send(Req::post("/login").json(padded(16 * 1024 + 1))).await.expect_problem(413, "body_too_large");
    let world = world.with(|service| service.body_limit(login.len()));
    world.send(Req::post("/login").json(login)).await.expect(200);
    world.send(Req::post("/login").json(padded(login.len() + 1))).await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_does_not_say_how_long_it_is_is_counted() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    // As good as without an end: only counting helps, and it stops at once.
    let read = Arc::new(AtomicUsize::new(0));
    for path in ["/login", "/register", "/refresh-token", "/logout"] {
        read.store(0, Ordering::SeqCst);
        let count = Arc::clone(&read);
        let spaces = std::iter::repeat_with(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b' '; 1024])))
        });
        let body = Chunks(spaces.take(1024));
        assert_eq!(status(world.service(), Req::post(path).json(""), body).await, 413, "{path}");
        assert_eq!(read.load(Ordering::SeqCst), 17, "{path}: what fits, and one more");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_at_the_deadline() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    // Only now: the database, which is real, has no patience for a clock that jumps.
    tokio::time::pause();
    for (service, seconds) in [
        (world.service(), 10),
        (AuthService::builder(world.auth.clone()).body_timeout(Duration::from_secs(3)).build().unwrap(), 3),
    ] {
        let start = tokio::time::Instant::now();
        assert_eq!(status(service, Req::post("/login").json(""), Never).await, 408);
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let database = TestDatabase::sqlite().await;
    let service = World::new(&database).await.service();
    let frames =
        [Ok(Frame::data(Bytes::from_static(b"{"))), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    let body = Chunks(frames.into_iter());
    assert_eq!(status(service, Req::post("/register").json(""), body).await, 400);
}

#[tokio::test]
async fn a_body_in_any_other_form_is_refused_at_every_door_that_writes() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let (access, cookie) = world.ada_signs_in().await;
    for path in ["/register", "/login", "/refresh-token", "/logout"] {
        let post = || Req::post(path).cookie(&cookie);
        for request in [
            post().body("text/plain", "{}"),
            post().body("multipart/mixed; boundary=x", "--x--"),
            post().body("application/xml", "<a/>"),
            post().body("application/json; charset=utf-16", "{}"),
            post().body("application/json-patch+json", "[]"),
            post().body("application/jsonx", "{}"),
            post().body("json", "{}"),
            post().body("", "{}"),
            post().body("application/json, text/plain", "{}"),
            post().header("content-type", "application/json").json("{}"),
            post().bare_body("{}"),
            post().header("content-encoding", "gzip").json("{}"),
            post().header("content-encoding", "identity, br").json("{}"),
            post().header("content-encoding", "x").header("content-type", "application/json"),
        ] {
            world.send(request).await.expect_problem(415, "unsupported_media_type");
        }
        if path != "/login" {
            for form in [post().form("a=b"), post().body("multipart/form-data; boundary=x", "--x--")] {
                world.send(form).await.expect_problem(415, "unsupported_media_type");
            }
        }
    }
    // None of these did anything: the session is alive.
    world.me(&access).await.expect(200);
    // A body that no door needs is let be when it is in order, and a type without a body says nothing.
    let request =
        Req::post("/refresh-token").cookie(&cookie).header("content-encoding", "IDENTITY").json("{}");
    world.send(request).await.expect(200);
    world.send(Req::post("/refresh-token").cookie(&cookie).body("text/plain", "")).await.expect(200);
    world.send(Req::post("/logout").json("{")).await.expect_problem(400, "malformed_request");
}

#[tokio::test]
async fn a_dropped_request_leaves_the_service_in_order() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let request = Req::post("/login").json("").build().map(|_| Never);
    let mut answer = std::pin::pin!(world.service().oneshot(request));
    assert!(std::future::poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await.is_pending());
    world.ada_signs_in().await;
}

async fn status<B>(service: AuthService, request: Req, body: B) -> u16
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, _) = request.build().into_parts();
    let Ok(response) = service.oneshot(Request::from_parts(parts, body)).await;
    response.status().as_u16()
}

/// A body that promises more and sends nothing.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A body that has its frames at hand and does not say how long it is.
struct Chunks<I>(I);

impl<I, E> http_body::Body for Chunks<I>
where
    I: Iterator<Item = Result<Frame<Bytes>, E>> + Unpin,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[expect(dead_code, reason = "shows that any body will do")]
fn any_body_type_is_taken(service: AuthService) {
    drop(service.clone().oneshot(Request::new(Full::<Bytes>::default())));
    drop(service.clone().oneshot(Request::new(String::new())));
    drop(
        service
            .oneshot(Request::new(http_body_util::combinators::UnsyncBoxBody::<Bytes, io::Error>::default())),
    );
}
