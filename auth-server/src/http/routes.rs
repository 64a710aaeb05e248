//! Which part of the program answers: probes, the page for readers, or the service.

use std::convert::Infallible;

use auth_tower::AuthService;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CACHE_CONTROL};
use http_body_util::Either;
use hyper::body::Incoming;
use tower::{Service, ServiceExt as _, service_fn};

use super::{
    answer::{self, AnswerBody},
    docs,
    health::{Health, Readiness},
};

/// A response to a probe, logged on a lower level than others.
#[derive(Clone)]
pub(super) struct Probe;

/// Sends `/health/...` to `health`, the page for readers to `docs`, and everything else to `auth`.
pub(crate) fn routes(
    auth: AuthService,
    health: Health,
    has_docs: bool,
    hsts: Option<HeaderValue>,
) -> impl Service<Request<Incoming>, Response = Response<AnswerBody>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(move |request: Request<Incoming>| {
        let auth = auth.clone();
        let health = health.clone();
        let hsts = hsts.clone();
        let (method, path) = (request.method(), request.uri().path());
        let page = has_docs.then(|| docs::answer(method, path, hsts.as_ref())).flatten();
        async move {
            match request.uri().path() {
                "/health/live" => Ok(probe(request.method(), Readiness::Ready, hsts.as_ref())),
                "/health/ready" => Ok(probe(request.method(), health.readiness().await, hsts.as_ref())),
                _ => match page {
                    Some(page) => Ok(page),
                    None => Ok(auth.oneshot(request).await?.map(Either::Left)),
                },
            }
        }
    })
}

fn probe(method: &Method, readiness: Readiness, hsts: Option<&HeaderValue>) -> Response<AnswerBody> {
    if let Some(refusal) = answer::unless_read(method, hsts) {
        return refusal;
    }
    let document = readiness.document().to_string();
    let mut response = answer::document(method, "application/json", document.into(), hsts);
    if readiness != Readiness::Ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response.extensions_mut().insert(Probe);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
