//! Requests of other origins: refused when they change state, answered with CORS headers when trusted.

mod origin;
mod policy;
mod strangers;

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

pub(crate) use self::origin::split_port;
pub use self::policy::OriginPolicy;
use crate::{
    grpc::Refusal,
    guard::{GuardBody, GuardFuture},
};

/// Puts a host's own routes behind the same [`OriginPolicy`] that [`AuthService`](crate::AuthService) follows:
/// needed wherever a cookie of the host signs a request in.
///
/// Goes outside [`AuthLayer`](crate::AuthLayer): a preflight request carries no token. Of an origin that is not trusted it is refused
/// here, so a layer that lets others read goes outside this one.
#[derive(Debug, Clone)]
pub struct CrossOriginLayer {
    policy: OriginPolicy,
}

impl CrossOriginLayer {
    /// A layer for a policy, for example that of [`AuthService::origin_policy`](crate::AuthService::origin_policy).
    pub fn new(policy: OriginPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for CrossOriginLayer {
    type Service = CrossOrigin<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CrossOrigin { inner, policy: self.policy.clone() }
    }
}

/// The service made by [`CrossOriginLayer`](super::CrossOriginLayer).
#[derive(Debug, Clone)]
pub struct CrossOrigin<S> {
    inner: S,
    policy: OriginPolicy,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CrossOrigin<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = CrossOriginFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (method, headers) = (request.method(), request.headers());
        let trusted_origin = self.policy.trusted_origin(headers);
        let refusal = || self.policy.refusal(method, headers);
        let guard = match self.policy.preflight(method, headers).or_else(|| refusal().map(Err)) {
            Some(Ok(response)) => GuardFuture::answer(response),
            Some(Err(problem)) => GuardFuture::refuse(problem, Refusal::Http),
            None => GuardFuture::pass(self.inner.call(request)),
        };
        CrossOriginFuture { guard, policy: self.policy.clone(), trusted_origin }
    }
}

pin_project! {
    /// The future of [`CrossOrigin`](super::CrossOrigin): adds the CORS headers to whatever the answer is.
    #[derive(Debug)]
    pub struct CrossOriginFuture<F> {
        #[pin]
        guard: GuardFuture<F>,
        policy: OriginPolicy,
        trusted_origin: Option<HeaderValue>,
    }
}

impl<F, B, E> Future for CrossOriginFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<GuardBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.guard.poll(cx))?;
        this.policy.set_cors_headers(response.headers_mut(), this.trusted_origin.take());
        Poll::Ready(Ok(response))
    }
}
