use std::{
    fmt,
    task::{Context, Poll},
};

use auth_core::{Principal, TokenVerifier};
use http::{Request, Response};
use tower_service::Service;

use super::authenticate;
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
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Authenticate<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Whatever stands there was not put there by this door.
        request.extensions_mut().remove::<Principal>();
        match authenticate(request.headers(), &self.verifier) {
            Ok(Some(principal)) => {
                request.extensions_mut().insert(principal);
            }
            Ok(None) if self.required => return GuardFuture::refuse(Problem::unauthenticated()),
            Ok(None) => {}
            Err(problem) => return GuardFuture::refuse(problem),
        }
        GuardFuture::pass(self.inner.call(request))
    }
}

impl<S: fmt::Debug> fmt::Debug for Authenticate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}
