use std::{
    mem,
    task::{Context, Poll},
};

use auth_core::Principal;
use http::{Request, Response};
use tower_service::Service;

use super::{AuthenticateFuture, TokenVerification, Unasked, bearer::bearer, tell, verification::Verdict};
use crate::{
    grpc::Refusal,
    guard::{GuardBody, GuardFuture},
    problem::Problem,
};

/// The service made by [`AuthLayer`](super::AuthLayer).
#[derive(Debug, Clone)]
pub struct Authenticate<S> {
    pub(super) inner: S,
    pub(super) verification: TokenVerification,
    pub(super) required: bool,
    pub(super) grpc: bool,
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
        request.extensions_mut().remove::<Unasked>();
        let refusal = Refusal::of(request.headers(), self.grpc);
        refusal.leave_in(request.extensions_mut());
        let verdict = match bearer(request.headers()) {
            Ok(Some(token)) => self.verification.verify(token, &request),
            Ok(None) if self.required => Verdict::Now(Err(Problem::unauthenticated())),
            Ok(None) => return AuthenticateFuture::answer(GuardFuture::pass(self.inner.call(request))),
            Err(problem) => Verdict::Now(Err(problem)),
        };
        AuthenticateFuture::answer(match verdict {
            Verdict::Now(Ok(principal)) => {
                tell(request.extensions_mut(), principal);
                GuardFuture::pass(self.inner.call(request))
            }
            Verdict::Now(Err(problem)) => GuardFuture::refuse(problem, refusal),
            Verdict::Later(verifying) => {
                // The one that was polled ready is the one to call.
                let next = self.inner.clone();
                let inner = mem::replace(&mut self.inner, next);
                return AuthenticateFuture::verifying(verifying, inner, request, refusal);
            }
        })
    }
}
