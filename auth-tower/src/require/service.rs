use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::requirement::Requirement;
use crate::{
    grpc::Refusal,
    guard::{GuardBody, GuardFuture},
};

/// The service made by [`RequireLayer`](super::RequireLayer).
#[derive(Debug, Clone)]
pub struct Require<S> {
    pub(super) inner: S,
    pub(super) requirement: Requirement,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<GuardBody<ResBody>>;
    type Error = S::Error;
    type Future = GuardFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.requirement.check(request.extensions()) {
            Ok(()) => GuardFuture::pass(self.inner.call(request)),
            Err(problem) => GuardFuture::refuse(problem, Refusal::left_in(request.extensions())),
        }
    }
}
