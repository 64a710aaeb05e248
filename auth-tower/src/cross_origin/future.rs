use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Response};
use pin_project_lite::pin_project;

use super::OriginPolicy;
use crate::guard::{GuardBody, GuardFuture};

pin_project! {
    /// The future of [`CrossOrigin`](super::CrossOrigin): adds the CORS headers to whatever the answer is.
    #[derive(Debug)]
    pub struct CrossOriginFuture<F> {
        #[pin]
        pub(super) guard: GuardFuture<F>,
        pub(super) policy: OriginPolicy,
        pub(super) trusted_origin: Option<HeaderValue>,
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
