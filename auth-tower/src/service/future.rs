use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;

use crate::Body;

/// The future of [`AuthService`](super::AuthService). Dropping it at any time is safe: what was begun is
/// finished whole or not at all.
pub struct AuthServiceFuture {
    answer: Pin<Box<dyn Future<Output = Response<Body>> + Send>>,
}

impl AuthServiceFuture {
    pub(super) fn new(answer: impl Future<Output = Response<Body>> + Send + 'static) -> Self {
        Self { answer: Box::pin(answer) }
    }
}

impl Future for AuthServiceFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for AuthServiceFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthServiceFuture").finish_non_exhaustive()
    }
}
