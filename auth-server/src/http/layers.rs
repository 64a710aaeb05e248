//! What stands around every request: request id, trace, panic guard, timeout.

use std::{
    any::Any,
    convert::Infallible,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_core::{Random as _, SystemRandom};
use auth_tower::{is_request_id, problem::Problem};
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{AUTHORIZATION, COOKIE, SET_COOKIE},
};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::{SetSensitiveRequestHeadersLayer, SetSensitiveResponseHeadersLayer},
    trace::TraceLayer,
};
use tracing::Span;

use super::{
    answer::{AnswerBody, dress},
    ending::Ending,
    framing::{self, Framing},
    metrics::requests::{Measured, route},
    routes::Probe,
    trace_context,
};

/// Longer than all waits that a request may meet on its way (body, hash queue, database) together.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Paths are logged up to here; ours are much shorter.
const PATH_MAX: usize = 128;

const X_REQUEST_ID: http::HeaderName = http::HeaderName::from_static("x-request-id");

/// Puts the layers around `inner`. Never fails: a panic is answered with 500, a request without end with 503.
pub(crate) fn around<S, B>(
    inner: S,
    hsts: Option<HeaderValue>,
    ending: Ending,
) -> impl Service<Request<B>, Response = Response<impl AnyBody>, Error = Infallible, Future: Send> + Clone + Send
where
    S: Service<Request<B>, Response = Response<AnswerBody>, Error = Infallible, Future: Send> + Clone + Send,
    B: http_body::Body + Send + 'static,
{
    let (of_panics, unavailable) = (hsts.clone(), Arc::<Unavailable>::default());
    let timed = service_fn(move |request: Request<B>| {
        let (inner, hsts, ending) = (inner.clone(), hsts.clone(), ending.clone());
        let measured = Measured::begin(request.method(), request.uri().path());
        async move {
            let answer = within_time(inner, request, hsts.as_ref(), &ending).await;
            if let Ok(response) = &answer {
                measured.answered(response.status());
            }
            answer
        }
    });
    ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION, COOKIE]))
        .layer(SetSensitiveResponseHeadersLayer::new([SET_COOKIE]))
        .map_request(without_bad_request_id)
        .layer(SetRequestIdLayer::new(X_REQUEST_ID, RandomRequestId))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_request(())
                .on_response(move |response: &Response<_>, latency: Duration, _: &Span| {
                    log_response(response, latency, &unavailable);
                })
                .on_body_chunk(())
                .on_eos(())
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::new(X_REQUEST_ID))
        .layer(CatchPanicLayer::custom(move |_: Box<dyn Any + Send>| {
            dress(Problem::internal(), of_panics.as_ref())
        }))
        .service(timed)
}

/// Within the time that a request may take, if it is clear what is asked.
async fn within_time<S, B>(
    inner: S,
    request: Request<B>,
    hsts: Option<&HeaderValue>,
    ending: &Ending,
) -> Result<Response<AnswerBody>, Infallible>
where
    S: Service<Request<B>, Response = Response<AnswerBody>, Error = Infallible>,
{
    let is_http1 = request.version() < Version::HTTP_2;
    let mut framing = framing::of(&request);
    if framing == Framing::Ambiguous {
        return Ok(framing.finish(dress(ambiguous(), hsts)));
    }
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, inner.oneshot(request)).await;
    let answer = answer.unwrap_or_else(|_| {
        tracing::error!("a request was given up: it took longer than anything should");
        Ok(dress(out_of_time(), hsts))
    });
    // On a connection of HTTP/2 the header means nothing; it is told when the program stops to listen.
    if is_http1 && framing == Framing::Plain && ending.has_begun() {
        framing = Framing::LastOne;
    }
    answer.map(|response| framing.finish(response))
}

/// What a layered response carries; the layers wrap the body in types of their own.
pub(crate) trait AnyBody:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

impl<T> AnyBody for T where
    T: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

fn ambiguous() -> Problem {
    let detail = "Where this request ends, or whom it is for, can be read in two ways.";
    Problem::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
}

fn out_of_time() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service is busy; try again later.")
        .with_retry_after(Duration::from_secs(2))
}

/// A client's id is kept only if there is one and it can stand in any log line.
fn without_bad_request_id<B>(mut request: Request<B>) -> Request<B> {
    let mut ids = request.headers().get_all(&X_REQUEST_ID).iter();
    let sound = ids.next().is_none_or(is_request_id) && ids.next().is_none();
    if !sound {
        request.headers_mut().remove(&X_REQUEST_ID);
    }
    request
}

#[derive(Clone, Copy)]
struct RandomRequestId;

impl MakeRequestId for RandomRequestId {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let mut bytes = [0; 16];
        SystemRandom.fill(&mut bytes).ok()?;
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// On the highest level, so that an error's line has the request id even where nothing else is logged. The query
/// is left out, and headers are: both may carry secrets.
fn span<B>(request: &Request<B>) -> Span {
    let id = request.headers().get(&X_REQUEST_ID).and_then(|id| id.to_str().ok());
    let path: String = request.uri().path().chars().filter(char::is_ascii_graphic).take(PATH_MAX).collect();
    let parent = trace_context::of(request.headers());
    tracing::error_span!(
        "request",
        request_id = id,
        trace_id = parent.map(|parent| parent.trace_id),
        parent_id = parent.map(|parent| parent.parent_id),
        http_method = request.method().as_str(),
        route = route(request.uri().path()),
        path = path.as_str()
    )
}

/// The 503s, of which a storm brings thousands a second: each costs a line as much as the refusal itself, and whoever refused has
/// told why. One a second is written, with how many were not.
#[derive(Debug, Default)]
struct Unavailable {
    last: Mutex<Option<(Instant, u64)>>,
}

impl Unavailable {
    /// How many came without a line since the last one that had one; `None` where this one has none either.
    fn told(&self) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_mut() {
            Some((told, untold)) if told.elapsed() < Duration::from_secs(1) => {
                *untold += 1;
                None
            }
            _ => Some(last.replace((Instant::now(), 0)).map_or(0, |(_, untold)| untold)),
        }
    }
}

fn log_response<B>(response: &Response<B>, latency: Duration, unavailable: &Unavailable) {
    let status = response.status().as_u16();
    let milliseconds = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    if response.extensions().get::<Probe>().is_some() {
        tracing::debug!(status, milliseconds, "answered");
    } else if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        if let Some(untold) = unavailable.told() {
            tracing::info!(status, milliseconds, untold, "answered");
        }
    } else if response.status().is_server_error() {
        tracing::warn!(status, milliseconds, "answered");
    } else {
        tracing::info!(status, milliseconds, "answered");
    }
}

#[cfg(test)]
mod tests {
    use auth_tower::Body;
    use http_body_util::{BodyExt as _, Either, Empty};

    use super::*;

    async fn answer<F>(inner: fn() -> F, id: Option<&str>) -> (http::response::Parts, serde_json::Value)
    where
        F: Future<Output = Response<AnswerBody>> + Send + 'static,
    {
        let inner = service_fn(move |_: Request<Empty<Bytes>>| {
            let answer = inner();
            async move { Ok(answer.await) }
        });
        let mut request = Request::get("/x?secret=y").header("host", "x").body(Empty::new()).unwrap();
        if let Some(id) = id {
            request.headers_mut().insert(X_REQUEST_ID, id.parse().unwrap());
        }
        let response = around(inner, None, Ending::default()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map_err(Into::into).unwrap().to_bytes();
        (parts, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn ok() -> Response<AnswerBody> {
        Response::new(Either::Left(Body::empty()))
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_a_problem_that_tells_nothing() {
        let (parts, document) = answer(|| async { panic!("secret") }, Some("mine")).await;
        assert_eq!(parts.status, 500);
        assert_eq!(document["code"], "internal");
        assert!(!document.to_string().contains("secret"));
        assert_eq!(parts.headers[X_REQUEST_ID], "mine");
        assert_eq!(parts.headers["x-content-type-options"], "nosniff");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_end_is_given_up() {
        let (parts, document) = answer(std::future::pending, None).await;
        assert_eq!(parts.status, 503);
        assert_eq!(document["code"], "unavailable");
        assert_eq!(parts.headers["retry-after"], "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_refusals_is_a_line_a_second_that_counts_the_others() {
        let unavailable = Unavailable::default();
        let told: Vec<_> = (0..100).map(|_| unavailable.told()).collect();
        assert_eq!((told[0], told.iter().flatten().count()), (Some(0), 1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((unavailable.told(), unavailable.told()), (Some(99), None));
    }

    #[tokio::test]
    async fn a_sound_request_id_comes_back_and_another_is_replaced() {
        let (parts, _) = answer(ok, Some("a.b-c_1")).await;
        assert_eq!(parts.headers[X_REQUEST_ID], "a.b-c_1");
        for id in [None, Some("a b"), Some("\"},{"), Some("")] {
            let (parts, _) = answer(ok, id).await;
            let id = parts.headers[X_REQUEST_ID].to_str().unwrap();
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        }
    }
}
