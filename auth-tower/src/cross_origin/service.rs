use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{CrossOriginFuture, OriginPolicy};
use crate::{
    grpc::Refusal,
    guard::{GuardBody, GuardFuture},
    problem::Problem,
};

/// The service made by [`CrossOriginLayer`](super::CrossOriginLayer).
#[derive(Debug, Clone)]
pub struct CrossOrigin<S> {
    pub(super) inner: S,
    pub(super) policy: OriginPolicy,
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
        let guard = if let Some(response) = self.policy.preflight(method, headers) {
            GuardFuture::answer(response)
        } else if self.policy.refuses(method, headers) {
            GuardFuture::refuse(Problem::cross_origin(), Refusal::Http)
        } else {
            GuardFuture::pass(self.inner.call(request))
        };
        CrossOriginFuture { guard, policy: self.policy.clone(), trusted_origin }
    }
}
