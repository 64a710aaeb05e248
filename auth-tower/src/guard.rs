//! What the doors have in common: either the answer of the service behind, untouched, or our own refusal.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{Body, Problem, grpc::Refusal};

pin_project! {
    /// The body behind a door: the inner service's own, not boxed, or that of a refusal.
    #[derive(Debug)]
    pub struct GuardBody<B> {
        #[pin]
        kind: BodyKind<B>,
    }
}

pin_project! {
    #[project = BodyKindProjection]
    #[derive(Debug)]
    enum BodyKind<B> {
        Inner { #[pin] body: B },
        Refusal { body: Body },
    }
}

impl<B> http_body::Body for GuardBody<B>
where
    B: http_body::Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.project().kind.project() {
            BodyKindProjection::Inner { body } => body.poll_frame(cx),
            BodyKindProjection::Refusal { body } => {
                Pin::new(body).poll_frame(cx).map_err(|never| match never {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            BodyKind::Inner { body } => body.is_end_stream(),
            BodyKind::Refusal { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            BodyKind::Inner { body } => body.size_hint(),
            BodyKind::Refusal { body } => body.size_hint(),
        }
    }
}

pin_project! {
    /// The future behind a door: the inner service's, or a refusal that is ready at once.
    #[derive(Debug)]
    pub struct GuardFuture<F> {
        #[pin]
        kind: FutureKind<F>,
    }
}

pin_project! {
    #[project = FutureKindProjection]
    #[derive(Debug)]
    enum FutureKind<F> {
        Inner { #[pin] future: F },
        Refusal { response: Option<Response<Body>> },
    }
}

impl<F> GuardFuture<F> {
    pub(crate) fn pass(future: F) -> Self {
        Self { kind: FutureKind::Inner { future } }
    }

    pub(crate) fn refuse(problem: Problem, refusal: Refusal) -> Self {
        Self::answer(refusal.response(problem))
    }

    pub(crate) fn answer(response: Response<Body>) -> Self {
        Self { kind: FutureKind::Refusal { response: Some(response) } }
    }
}

impl<F, B, E> Future for GuardFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<GuardBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            FutureKindProjection::Inner { future } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(|body| GuardBody { kind: BodyKind::Inner { body } })))
            }
            FutureKindProjection::Refusal { response } => match response.take() {
                Some(response) => {
                    Poll::Ready(Ok(response.map(|body| GuardBody { kind: BodyKind::Refusal { body } })))
                }
                // Polled again after it was ready, which nobody may do: no answer, but no panic either.
                None => Poll::Pending,
            },
        }
    }
}
