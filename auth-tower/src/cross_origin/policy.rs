use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, SEC_WEBSOCKET_KEY, UPGRADE,
        VARY,
    },
};

use super::{origin::Origin, strangers::Strangers};
use crate::{Body, ConfigError, headers::single, problem::Problem};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Which origins may do what. Cheap to clone.
///
/// A request that may change state (any method but GET, HEAD, OPTIONS and TRACE, and one that begins a WebSocket) passes if its `Origin` is a
/// trusted one; else if `Sec-Fetch-Site`, when present, is `same-origin` or `none`; else if `Origin`, when
/// present, is that of the public URL to the letter. Without either header, as from curl, servers and mobile
/// apps, it passes: no browser sent it. `Host` is never read, as whoever can rebind a name controls it.
///
/// A trusted origin gets CORS headers with credentials. The refresh cookie is `SameSite=Strict` all the same,
/// so only origins of the same site can refresh a session.
#[derive(Debug, Clone)]
pub struct OriginPolicy {
    public: Arc<Origin>,
    trusted: Arc<[Origin]>,
    strangers: Arc<Strangers>,
}

impl OriginPolicy {
    /// A policy for a service that clients see at this origin, with nobody else trusted.
    ///
    /// # Errors
    /// [`ConfigError`] naming `public_url` unless it is an `http` or `https` origin: no path, no slash at the
    /// end, no user.
    pub fn new(public_url: &str) -> Result<Self, ConfigError> {
        Ok(Self::of(Origin::parse("public_url", public_url)?))
    }

    fn of(public: Origin) -> Self {
        Self { public: Arc::new(public), trusted: Arc::default(), strangers: Arc::default() }
    }

    /// Trusts one more origin. It may have a scheme of its own, as applications in a web view have: `capacitor://localhost`.
    ///
    /// # Errors
    /// [`ConfigError`] naming `trusted_origin`, as for [`new`](Self::new). `null` is refused: pages of many origins send it.
    pub fn trust(mut self, origin: &str) -> Result<Self, ConfigError> {
        let origin = Origin::parse_trusted("trusted_origin", origin)?;
        self.trusted = self.trusted.iter().cloned().chain([origin]).collect();
        Ok(self)
    }

    /// `http://localhost:8000`, nobody trusted.
    pub(crate) fn local() -> Self {
        Self::of(Origin::local())
    }

    /// Whether clients come over TLS.
    pub fn is_https(&self) -> bool {
        self.public.is_https()
    }

    /// The origin that clients see.
    pub(crate) fn public_url(&self) -> &str {
        self.public.text()
    }

    /// Whether the service is seen on this machine only.
    pub(crate) fn is_loopback(&self) -> bool {
        self.public.is_loopback()
    }

    /// The public URL's and the trusted ones.
    pub(crate) fn origins(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.public).chain(self.trusted.iter()).map(Origin::text)
    }

    fn trusts(&self, origin: &HeaderValue) -> bool {
        self.trusted.iter().any(|trusted| trusted.is(origin))
    }

    /// The request's origin, if it is a trusted one.
    pub(crate) fn trusted_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        single(headers, &ORIGIN).ok().flatten().filter(|origin| self.trusts(origin)).cloned()
    }

    /// Why a request gets no further, if it is one that has to be refused.
    pub(crate) fn refusal(&self, method: &Method, headers: &HeaderMap) -> Option<Problem> {
        self.refuses(method, headers).then(|| self.refuse(headers))
    }

    fn refuse(&self, headers: &HeaderMap) -> Problem {
        self.strangers.tell(headers.get(ORIGIN));
        Problem::cross_origin()
    }

    fn refuses(&self, method: &Method, headers: &HeaderMap) -> bool {
        // A WebSocket begins with a GET, may do anything afterwards, and is not subject to CORS.
        if method.is_safe() && !headers.contains_key(UPGRADE) && !headers.contains_key(SEC_WEBSOCKET_KEY) {
            return false;
        }
        let Ok(origin) = single(headers, &ORIGIN) else {
            return true;
        };
        if origin.is_some_and(|origin| self.trusts(origin)) {
            return false;
        }
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
        if sites.peek().is_some() {
            return !sites.all(|site| site == "same-origin" || site == "none");
        }
        origin.is_some_and(|origin| !self.public.is(origin))
    }

    /// The answer to an origin's question whether it may send a request (a preflight request of the Fetch Standard), which
    /// no page asks of its own origin. A trusted one may: which methods and headers exist, the request itself will tell.
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<Result<Response<Body>, Problem>> {
        let asked = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|_| method == Method::OPTIONS)?;
        let origin = single(headers, &ORIGIN).transpose()?;
        if origin.is_ok_and(|origin| self.public.is(origin)) {
            return None;
        }
        if self.trusted_origin(headers).is_none() {
            return Some(Err(self.refuse(headers)));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        answer.append(VARY, HeaderValue::from_name(ACCESS_CONTROL_REQUEST_METHOD));
        answer.append(VARY, HeaderValue::from_name(ACCESS_CONTROL_REQUEST_HEADERS));
        Some(Ok(response))
    }

    /// Tells the browser of a trusted origin to hand the answer over, and caches that it depends on `Origin`.
    pub(crate) fn set_cors_headers(&self, headers: &mut HeaderMap, trusted_origin: Option<HeaderValue>) {
        if self.trusted.is_empty() {
            return;
        }
        if !headers.get_all(VARY).iter().any(|vary| vary.as_bytes().eq_ignore_ascii_case(b"origin")) {
            headers.append(VARY, HeaderValue::from_name(ORIGIN));
        }
        if let Some(origin) = trusted_origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("location, retry-after, www-authenticate, x-request-id"),
            );
        }
    }
}
