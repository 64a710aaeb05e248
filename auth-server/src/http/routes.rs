//! Which part of the program answers: probes, the page for readers, the pages for people, or the service.

use std::convert::Infallible;

use auth_tower::{AccountPages, AuthService, Body, set_security_headers};
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CACHE_CONTROL, LOCATION},
};
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

/// Where the pages for people are, as the program sees it: what a proxy takes off is gone.
const PAGES: &str = "/account";

/// Sends `/health/...` to `health`, the page for readers to `docs`, `/account` and what is below it to `pages`, and everything else to
/// `auth`.
pub(crate) fn routes(
    auth: AuthService,
    pages: Option<AccountPages>,
    health: Health,
    has_docs: bool,
    hsts: Option<HeaderValue>,
) -> impl Service<Request<Incoming>, Response = Response<AnswerBody>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(move |request: Request<Incoming>| {
        let (auth, pages) = (auth.clone(), pages.clone());
        let health = health.clone();
        let hsts = hsts.clone();
        let (method, path) = (request.method(), request.uri().path());
        let page = has_docs.then(|| docs::answer(method, path, hsts.as_ref())).flatten();
        async move {
            match request.uri().path() {
                "/health/live" => Ok(probe(request.method(), Readiness::Ready, hsts.as_ref())),
                "/health/ready" => Ok(probe(request.method(), health.readiness().await, hsts.as_ref())),
                path => match (page, pages) {
                    (Some(page), _) => Ok(page),
                    (None, Some(pages)) if path == "/" => Ok(to_the_account(&request, &pages, hsts.as_ref())),
                    (None, Some(pages)) if below_pages(path).is_some() => {
                        Ok(pages.oneshot(without_mount(request)).await?.map(Either::Left))
                    }
                    _ => Ok(auth.oneshot(request).await?.map(Either::Left)),
                },
            }
        }
    })
}

/// What is left of a path of the pages.
pub(super) fn below_pages(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(PAGES)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Whoever opens the address that the program tells sees a page.
fn to_the_account<B>(
    request: &Request<B>,
    pages: &AccountPages,
    hsts: Option<&HeaderValue>,
) -> Response<AnswerBody> {
    if let Some(refusal) = answer::unless_read(request.method(), hsts) {
        return refusal;
    }
    let mut response = Response::new(Either::Left(Body::empty()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    if let Ok(home) = HeaderValue::try_from(pages.home()) {
        headers.insert(LOCATION, home);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set_security_headers(headers, hsts);
    response
}

fn without_mount(mut request: Request<Incoming>) -> Request<Incoming> {
    let rest = below_pages(request.uri().path()).filter(|rest| !rest.is_empty()).unwrap_or("/");
    let below = match request.uri().query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    // A part of an address is one as well.
    if let Ok(uri) = below.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
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
