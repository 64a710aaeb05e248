use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use auth_core::Principal;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::tell;
use crate::{
    grpc::Refusal,
    guard::{GuardBody, GuardFuture},
    problem::Problem,
};

/// A verification that has to wait for something. Boxed: that is rare, or slow anyway.
pub(super) type Verifying = Pin<Box<dyn Future<Output = Result<Principal, Problem>> + Send>>;

pin_project! {
    /// The future of [`Authenticate`](super::Authenticate).
    pub struct AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        step: Step<S, B>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<S, B>
    where
        S: Service<Request<B>>,
    {
        /// The request waits.
        Verify { verifying: Verifying, waiting: Option<(S, Request<B>)>, refusal: Refusal },
        Answer { #[pin] guard: GuardFuture<S::Future> },
    }
}

impl<S, B> AuthenticateFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn answer(guard: GuardFuture<S::Future>) -> Self {
        Self { step: Step::Answer { guard } }
    }

    /// Lets the request through to `inner`, which is ready, once it is known whose it is.
    pub(super) fn verifying(verifying: Verifying, inner: S, request: Request<B>, refusal: Refusal) -> Self {
        Self { step: Step::Verify { verifying, waiting: Some((inner, request)), refusal } }
    }
}

impl<S, B, ResBody> Future for AuthenticateFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Output = Result<Response<GuardBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            let guard = match step.as_mut().project() {
                StepProjection::Answer { guard } => return guard.poll(cx),
                StepProjection::Verify { verifying, waiting, refusal } => {
                    let verified = ready!(verifying.as_mut().poll(cx));
                    // Taken once: the step ends here.
                    let Some((mut inner, mut request)) = waiting.take() else { return Poll::Pending };
                    match verified {
                        Ok(principal) => {
                            tell(request.extensions_mut(), principal);
                            GuardFuture::pass(inner.call(request))
                        }
                        Err(problem) => GuardFuture::refuse(problem, *refusal),
                    }
                }
            };
            step.set(Step::Answer { guard });
        }
    }
}

impl<S, B> fmt::Debug for AuthenticateFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateFuture").finish_non_exhaustive()
    }
}
