//! The endpoints as one service.

mod administer;
mod builder;
mod form;
mod future;
mod intake;
mod json;
mod providers;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    error::Error as StdError,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use auth_core::{Auth, Error, TokenVerifier};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH},
    request::Parts,
};
use tower_service::Service;

pub use self::{builder::AuthServiceBuilder, future::AuthServiceFuture};
pub(crate) use self::{
    intake::Payload,
    json::{Json, Object},
};
use crate::{
    Body, OriginPolicy,
    client::client_info,
    endpoint,
    headers::{X_REQUEST_ID, request_id, set_security_headers},
    openapi, page,
    problem::Problem,
    route::{Endpoint, parameter},
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
#[derive(Debug, Clone)]
pub struct AuthService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) auth: Auth,
    /// Bounded, if the host polls; for the endpoint that reads no database.
    pub(crate) verifier: TokenVerifier,
    pub(crate) cookies: Cookies,
    pub(crate) mounted_at: String,
    origins: OriginPolicy,
    pub(crate) registration_open: bool,
    without: Vec<Endpoint>,
    /// Paths of the host's own.
    described: Vec<(String, serde_json::Value)>,
    body_limit: usize,
    body_timeout: Duration,
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
    /// The service with its defaults: for clients that see it at `http://127.0.0.1:8000`, no other origin
    /// trusted, `Secure` cookie, registration open, bodies up to 16 KiB within 10 s.
    pub fn new(auth: Auth) -> Self {
        Self::builder(auth).build_with(OriginPolicy::local())
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
        let inner = Arc::clone(&self.inner);
        AuthServiceFuture::new(async move {
            let (parts, body) = request.into_parts();
            inner.answer(parts, body).await
        })
    }
}

impl Inner {
    fn has(&self, endpoint: Endpoint) -> bool {
        !self.without.contains(&endpoint)
            && (self.auth.sends_mail() || !endpoint.needs_mail())
            && (self.has_providers() || !endpoint.needs_provider())
    }

    pub(crate) fn openapi(&self) -> serde_json::Value {
        let mounted = Endpoint::ALL.into_iter().filter(|endpoint| self.has(*endpoint));
        openapi::document(&openapi::Facts::of(self), mounted, &self.described)
    }

    pub(crate) fn openapi_text(&self) -> Bytes {
        let text = || serde_json::to_vec(&self.openapi()).unwrap_or_default().into();
        self.description.get_or_init(text).clone()
    }

    async fn answer<B>(&self, parts: Parts, body: B) -> Response<Body>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let id = request_id(&parts.headers);
        let endpoint = Endpoint::at(parts.uri.path()).filter(|endpoint| self.has(*endpoint));
        let mut response = match self.origins.preflight(&parts.method, &parts.headers) {
            Some(response) => response,
            None => match self.open(endpoint, &parts, body, &id).await {
                Ok(response) => response,
                Err(refusal) => refuse(refusal, endpoint, &id),
            },
        };
        self.finish(&parts, id, &mut response);
        response
    }

    async fn open<B>(
        &self,
        endpoint: Option<Endpoint>,
        parts: &Parts,
        body: B,
        id: &HeaderValue,
    ) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        if self.origins.refuses(&parts.method, &parts.headers) {
            return Err(Problem::cross_origin().into());
        }
        let endpoint = endpoint.ok_or_else(Problem::not_found)?;
        if !endpoint.allows(&parts.method) {
            return Err(Problem::method_not_allowed().into());
        }
        let client = client_info(parts, self.cookies).request_id(id.to_str().unwrap_or_default());
        let headers = &parts.headers;
        match endpoint {
            Endpoint::Me if parts.method == Method::DELETE => {
                endpoint::delete_me(self, headers, self.take_in(endpoint, headers, body).await?, client).await
            }
            Endpoint::Me => endpoint::me(self, headers).await,
            Endpoint::ChangePassword => {
                let payload = self.take_in(endpoint, headers, body).await?;
                endpoint::change_password(self, headers, payload, client).await
            }
            Endpoint::ChangeEmail => {
                endpoint::change_email(self, headers, self.take_in(endpoint, headers, body).await?, client)
                    .await
            }
            Endpoint::Export => endpoint::export(self, headers).await,
            Endpoint::Events => endpoint::own_events(self, headers, query(parts)?).await,
            Endpoint::VerifyEmail if parts.method != Method::POST => Ok(page::verify_email()),
            Endpoint::ResetPassword if parts.method != Method::POST => Ok(page::reset_password()),
            Endpoint::RequestVerifyToken => {
                endpoint::request_verify_token(self, self.take_in(endpoint, headers, body).await?, client)
                    .await
            }
            Endpoint::VerifyEmail => {
                endpoint::verify_email(self, self.take_in(endpoint, headers, body).await?, client).await
            }
            Endpoint::ForgotPassword => {
                endpoint::forgot_password(self, self.take_in(endpoint, headers, body).await?, client).await
            }
            Endpoint::ResetPassword => {
                endpoint::reset_password(self, self.take_in(endpoint, headers, body).await?, client).await
            }
            Endpoint::Users | Endpoint::User | Endpoint::UserSessions | Endpoint::UserEvents => {
                self.administer(endpoint, parts, body, client).await
            }
            Endpoint::OauthAuthorize
            | Endpoint::OauthCallback
            | Endpoint::Identities
            | Endpoint::Identity => self.at_provider(endpoint, parts, body, client).await,
            Endpoint::Verify => endpoint::verify(self, headers),
            Endpoint::Jwks => Ok(endpoint::jwks(self)),
            Endpoint::OpenApi => Ok(endpoint::openapi(self)),
            Endpoint::Sessions if parts.method == Method::DELETE => {
                endpoint::end_other_sessions(self, headers, client).await
            }
            Endpoint::Sessions => endpoint::sessions(self, headers).await,
            Endpoint::Session => {
                let session = parameter(endpoint, parts.uri.path()).and_then(|id| id.parse().ok());
                let session = session.ok_or_else(Problem::not_found)?;
                endpoint::end_session(self, headers, session, client).await
            }
            Endpoint::Register if !self.registration_open => Err(Problem::registration_closed().into()),
            Endpoint::Register => {
                endpoint::register(self, self.take_in(endpoint, headers, body).await?, client).await
            }
            Endpoint::Login => {
                endpoint::login(self, headers, self.take_in(endpoint, headers, body).await?, client).await
            }
            Endpoint::RefreshToken => {
                self.take_in(endpoint, headers, body).await?;
                endpoint::refresh_token(self, headers, client).await
            }
            Endpoint::Logout => {
                self.take_in(endpoint, headers, body).await?;
                endpoint::logout(self, headers, client).await
            }
        }
    }

    /// What every answer gets, good or bad.
    fn finish(&self, parts: &Parts, id: HeaderValue, response: &mut Response<Body>) {
        if response.status() != StatusCode::NO_CONTENT {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        // After the length, which is that of the answer to GET.
        if parts.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        if let (StatusCode::METHOD_NOT_ALLOWED, Some(endpoint)) =
            (response.status(), Endpoint::at(parts.uri.path()))
        {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
        }
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, id);
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        set_security_headers(headers, self.origins.is_https());
        self.origins.set_cors_headers(headers, self.origins.trusted_origin(&parts.headers));
    }
}

/// The parameters of the address.
fn query(parts: &Parts) -> Result<BTreeMap<String, String>, Problem> {
    let query = form::parse(parts.uri.query().unwrap_or_default().as_bytes());
    query.ok_or_else(|| Problem::malformed("The query must be UTF-8, with no parameter repeated."))
}

fn refuse(refusal: Refusal, endpoint: Option<Endpoint>, id: &HeaderValue) -> Response<Body> {
    let problem = match refusal {
        Refusal::Problem(problem) => problem,
        Refusal::Rule(error) => Problem::of_rule(error, Some(id)),
    };
    if endpoint.is_some_and(Endpoint::speaks_oauth) { problem.for_oauth() } else { problem }.into_response()
}
