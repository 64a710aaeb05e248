//! The endpoints as one service.

mod builder;
mod call;
mod form;
mod future;
#[cfg(fuzzing)]
pub mod fuzzing;
mod intake;
mod json;
mod multipart;

use std::{
    convert::Infallible,
    error::Error as StdError,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{
    ADMIN_ROLE, Auth, Error, Principal, SignIn, TokenVerifier, Tokens,
    machine::{ADMIN_SCOPE, Machines, is_key},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, request::Parts};
use tower_service::Service;

use self::future::{Finish, Progress};
pub use self::{builder::AuthServiceBuilder, future::AuthServiceFuture};
#[cfg(feature = "pages")]
pub(crate) use self::{builder::is_prefix, form::parse as parse_form};
pub(crate) use self::{
    call::Call,
    intake::Payload,
    json::{Json, Object},
};
use crate::{
    Body, OriginPolicy,
    authenticate::{authenticate, authenticate_any, bearer},
    client,
    endpoint::{self, Door, clear_session_cookies, token_cookies},
    headers::set_security_headers,
    openapi,
    problem::Problem,
    route::{Caller, Endpoint, Found, Route, Table, Takes},
    transport::Cookies,
};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// The endpoints as a tower service: any request body, never an error, the same answers under every host.
///
/// It does everything the HTTP contract asks for by itself: request ids, cross-origin refusal and CORS,
/// methods, body limit and deadline, problem documents, security headers. Mount it anywhere; under a prefix the
/// host takes the prefix off, as axum's `nest_service` does, and [`mounted_at`](AuthServiceBuilder::mounted_at)
/// tells the prefix for links.
///
/// Cheap to clone. Needs a Tokio runtime with time enabled.
///
/// ```
/// use auth_tower::AuthService;
/// use http::Request;
/// use tower::ServiceExt as _;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = auth_core::connect("sqlite::memory:").await?;
/// # auth_migration::up(&db).await?;
/// # let auth = auth_core::test_util::Kit::new(db).auth;
/// let endpoints = AuthService::builder(auth).public_url("https://auth.example.com").build()?;
/// let register = Request::post("/register")
///     .header("content-type", "application/json")
///     .body(String::from(r#"{"email": "ada@example.com", "password": "correct horse battery"}"#))?;
/// assert_eq!(endpoints.oneshot(register).await?.status(), 201);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AuthService {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) auth: Auth,
    /// Bounded, if the host polls; for the endpoint that reads no database.
    pub(crate) verifier: TokenVerifier,
    pub(crate) cookies: Cookies,
    /// For applications that know nothing of users, where there is one.
    pub(crate) browser: Option<Door>,
    pub(crate) mounted_at: String,
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) origins: OriginPolicy,
    /// What is mounted.
    table: Table,
    pub(crate) mounted: Vec<Endpoint>,
    /// Paths of the host's own.
    pub(crate) described: Vec<(String, serde_json::Value)>,
    /// What the description calls its version.
    pub(crate) version: String,
    body_limit: usize,
    body_timeout: Duration,
    /// Where clients see the pages for people, if there are some beside.
    pub(crate) pages: OnceLock<Arc<str>>,
    /// Made when it is first asked for.
    description: OnceLock<Bytes>,
}

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Found out here.
    Problem(Problem),
    /// Told by the rules.
    Rule(Error),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Rule(error)
    }
}

impl AuthService {
    /// The service with its defaults: for clients that see it at `http://localhost:8000`, no other origin
    /// trusted, `Secure` cookie, bodies up to 16 KiB within 10 s.
    pub fn new(auth: Auth) -> Self {
        Self::builder(auth).build_with(OriginPolicy::local(), None)
    }

    /// Starts from the defaults of [`new`](Self::new).
    pub fn builder(auth: Auth) -> AuthServiceBuilder {
        AuthServiceBuilder::new(auth)
    }

    /// The description of the endpoints that are mounted (OpenAPI 3.1), as `GET /openapi.json` answers it: for a host that makes
    /// it part of its own.
    pub fn openapi(&self) -> serde_json::Value {
        self.inner.openapi()
    }

    /// What puts a session into the jar of a browser: the headers `Set-Cookie` of the refresh token and of the device, for an answer
    /// of the host's own to who has just signed in. In axum it can stand before the body of an answer:
    /// `(endpoints.session_cookies(&tokens), Redirect::to("/"))`; elsewhere, `headers.extend(...)`. The access token is not in it.
    pub fn session_cookies(&self, tokens: &Tokens) -> HeaderMap {
        let mut headers = HeaderMap::new();
        token_cookies(&self.inner, tokens, &mut headers);
        headers
    }

    /// What takes the session out of the jar, for an answer of the host's own to who signs out. The device stays known. The
    /// session itself ends with [`Auth::logout_session`].
    pub fn cleared_session_cookies(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        clear_session_cookies(&self.inner, &mut headers);
        headers
    }

    /// Answers a sign-in of the host's own, [`Auth::sign_in`], as `/login` does: 200 with the access token and the cookies, or 403
    /// `second_factor_required` with what the page needs to go on.
    pub fn answer(&self, sign_in: SignIn) -> Response<Body> {
        let mut response = match endpoint::answer_sign_in(&self.inner, sign_in, None) {
            Ok(response) => response,
            Err(Refusal::Problem(problem)) => problem.into_response(),
            Err(Refusal::Rule(error)) => Problem::from(error).into_response(),
        };
        set_security_headers(response.headers_mut(), self.inner.hsts.as_ref());
        response
    }

    /// What every answer says of coming by TLS only, if anything: for [`set_security_headers`](crate::set_security_headers) on
    /// answers of the host's own.
    pub fn hsts(&self) -> Option<HeaderValue> {
        self.inner.hsts.clone()
    }

    /// Which origins may do what here; for a [`CrossOriginLayer`](crate::CrossOriginLayer) around routes of the
    /// host's own.
    pub fn origin_policy(&self) -> OriginPolicy {
        self.inner.origins.clone()
    }
}

impl<B> Service<Request<B>> for AuthService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AuthServiceFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let found = self.inner.table.find(parts.uri.path());
        let finish = Finish::new(&self.inner, &parts, found.as_ref());
        let progress = match self.inner.open(found, parts, body, finish.id()) {
            Ok(progress) => progress,
            Err(refusal) => Progress::refused(refusal),
        };
        AuthServiceFuture::new(progress, finish)
    }
}

impl Inner {
    pub(crate) fn openapi(&self) -> serde_json::Value {
        openapi::document(self)
    }

    pub(crate) fn openapi_text(&self) -> Bytes {
        let text = || serde_json::to_vec(&self.openapi()).unwrap_or_default().into();
        self.description.get_or_init(text).clone()
    }

    /// Where clients see the service, without a slash at the end.
    pub(crate) fn base_url(&self) -> String {
        format!("{}{}", self.origins.public_url(), self.mounted_at)
    }

    fn open<B>(
        self: &Arc<Self>,
        found: Option<Found>,
        parts: Parts,
        body: B,
        id: &HeaderValue,
    ) -> Result<Progress, Refusal>
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let may_be_asked_before = !found.as_ref().is_some_and(|found| found.address.for_proxies);
        if may_be_asked_before && let Some(answer) = self.origins.preflight(&parts.method, &parts.headers) {
            return Ok(Progress::done(answer?));
        }
        if let Some(problem) = self.origins.refusal(&parts.method, &parts.headers) {
            return Err(problem.into());
        }
        let found = found.ok_or_else(Problem::not_found)?;
        let route = found.address.route(&parts.method).ok_or_else(Problem::method_not_allowed)?;
        if let Some(error) = (route.closed)(self) {
            return Err(error.into());
        }
        let client = client::of_service(&parts, self.cookies).request_id(id.to_str().unwrap_or_default());
        let mut call = Call::new(Arc::clone(self), parts, found, client);
        let is_read = route.takes == Takes::Nothing || intake::is_nothing(call.headers(), &body);
        let is_key = route.takes_machines && key(call.headers())?.is_some();
        if is_read && !is_key && route.caller != Caller::Administrator && !route.wants_proof {
            // Nothing to wait for before the handler: its future is the only one that is boxed.
            self.let_in(route, &mut call)?;
            return Ok(Progress::Under((route.answer)(call)));
        }
        let service = Arc::clone(self);
        Ok(Progress::Under(Box::pin(async move {
            service.admit(route, &mut call, body).await?;
            (route.answer)(call).await
        })))
    }

    /// Whoever is no administrator gets no further than the first line where that is asked for.
    async fn admit<B>(&self, route: &Route, call: &mut Call, body: B) -> Result<(), Refusal>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        if route.caller == Caller::Administrator {
            self.let_administrator_in(route, call).await?;
        }
        if route.takes != Takes::Nothing {
            call.payload = self.take_in(route.takes, call.headers(), body).await?;
        }
        if route.caller != Caller::Administrator {
            self.let_any_in(route, call).await?;
        }
        if let (true, Some(caller)) = (route.wants_proof, &call.caller)
            && caller.session_id().is_some()
        {
            self.auth.require_recent_proof(caller).await?;
        }
        Ok(())
    }

    /// By a key, where that is taken, or by a token.
    async fn let_any_in(&self, route: &Route, call: &mut Call) -> Result<(), Refusal> {
        match key(call.headers())? {
            Some(key) if route.takes_machines => {
                call.caller = Some(self.machines()?.verify(key, &call.client).await?);
                Ok(())
            }
            _ => Ok(self.let_in(route, call)?),
        }
    }

    fn let_in(&self, route: &Route, call: &mut Call) -> Result<(), Problem> {
        let verifier = match route.caller {
            Caller::Anybody => return Ok(()),
            Caller::Bearer | Caller::Administrator => &self.auth.verifier(),
            Caller::Bounded => &self.verifier,
        };
        let caller = if route.takes_machines {
            authenticate_any(call.headers(), verifier)
        } else {
            authenticate(call.headers(), verifier)
        };
        let caller = caller?.ok_or_else(Problem::unauthenticated)?;
        if caller.session_id().is_none() {
            self.machines()?;
        }
        call.caller = Some(caller);
        Ok(())
    }

    async fn let_administrator_in(&self, route: &Route, call: &mut Call) -> Result<(), Refusal> {
        self.let_any_in(route, call).await?;
        let caller = self.administrator(&call.caller()?).await?;
        call.client.actor = Some(caller.user_id());
        call.client.key = caller.key_id();
        call.caller = Some(caller);
        Ok(())
    }

    /// A caller as they are at this moment, if they administer.
    pub(crate) async fn administrator(&self, caller: &Principal) -> Result<Principal, Refusal> {
        let caller = match caller.session_id() {
            Some(_) => self.auth.verify_session(caller).await?,
            None => self.machines()?.current(caller).await?,
        };
        if !caller.has_role(ADMIN_ROLE) || !caller.has_scope(ADMIN_SCOPE) {
            return Err(Problem::forbidden().into());
        }
        Ok(caller)
    }

    /// Where they are switched off, none is let in.
    pub(crate) fn machines(&self) -> Result<Machines, Error> {
        self.auth.machines().ok_or(Error::SessionRequired)
    }
}

/// The bearer token, if it has the form of a key.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    Ok(bearer(headers)?.filter(|token| is_key(token)))
}
