use std::{
    fmt, mem,
    task::{Context, Poll},
};

use auth_core::{Auth, Principal, TokenVerifier};
use http::{Request, Response};
use tower_service::Service;

use super::{AuthenticateFuture, authenticate};
use crate::{
    guard::{GuardBody, GuardFuture},
    problem::Problem,
};

/// The service made by [`AuthLayer`](super::AuthLayer).
#[derive(Clone)]
pub struct Authenticate<S> {
    pub(super) inner: S,
    pub(super) verifier: TokenVerifier,
    pub(super) required: bool,
    pub(super) strict: Option<Auth>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Authenticate<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Whatever stands there was not put there by this door.
        request.extensions_mut().remove::<Principal>();
        let guard = match (authenticate(request.headers(), &self.verifier), &self.strict) {
            (Ok(Some(principal)), Some(auth)) => {
                // The one that was polled is ready; its copy may not be.
                let copy = self.inner.clone();
                let inner = mem::replace(&mut self.inner, copy);
                return AuthenticateFuture::check(auth.clone(), principal, inner, request);
            }
            (Ok(Some(principal)), None) => {
                request.extensions_mut().insert(principal);
                GuardFuture::pass(self.inner.call(request))
            }
            (Ok(None), _) if self.required => GuardFuture::refuse(Problem::unauthenticated()),
            (Ok(None), _) => GuardFuture::pass(self.inner.call(request)),
            (Err(problem), _) => GuardFuture::refuse(problem),
        };
        AuthenticateFuture::answer(guard)
    }
}

impl<S: fmt::Debug> fmt::Debug for Authenticate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .field("required", &self.required)
            .field("strict", &self.strict.is_some())
            .finish_non_exhaustive()
    }
}
