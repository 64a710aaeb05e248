use std::{
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH},
    request::Parts,
};

use super::{Inner, Refusal};
use crate::{
    Body,
    headers::{X_REQUEST_ID, request_id, set_security_headers},
    problem::Problem,
    route::{Address, Answer, Answered, Found},
};

/// The future of [`AuthService`](super::AuthService). Dropping it at any time is safe: what was begun is
/// finished whole or not at all.
pub struct AuthServiceFuture {
    progress: Progress,
    finish: Finish,
}

/// How far a request has come.
pub(super) enum Progress {
    /// Refused at the door, or answered there. Taken out once.
    Done(Option<Box<Answered>>),
    /// With its handler.
    Under(Answer),
}

impl Progress {
    pub(super) fn done(response: Response<Body>) -> Self {
        Self::Done(Some(Box::new(Ok(response))))
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::Done(Some(Box::new(Err(refusal))))
    }
}

impl AuthServiceFuture {
    pub(super) fn new(progress: Progress, finish: Finish) -> Self {
        Self { progress, finish }
    }
}

impl Future for AuthServiceFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = match &mut self.progress {
            Progress::Under(answer) => ready!(answer.as_mut().poll(cx)),
            Progress::Done(answered) => match answered.take() {
                Some(answered) => *answered,
                // Polled again after it was ready, which nobody may do: no answer, but no panic either.
                None => return Poll::Pending,
            },
        };
        Poll::Ready(Ok(self.finish.finish(answered)))
    }
}

impl fmt::Debug for AuthServiceFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthServiceFuture").finish_non_exhaustive()
    }
}

/// What every answer gets, good or bad, and what has to be kept of the request for it.
pub(super) struct Finish {
    service: Arc<Inner>,
    /// Where the request was for, if anything is there.
    address: Option<&'static Address>,
    is_head: bool,
    trusted_origin: Option<HeaderValue>,
    id: HeaderValue,
}

impl Finish {
    pub(super) fn new(service: &Arc<Inner>, parts: &Parts, found: Option<&Found>) -> Self {
        Self {
            service: Arc::clone(service),
            address: found.map(|found| found.address),
            is_head: parts.method == Method::HEAD,
            trusted_origin: service.origins.trusted_origin(&parts.headers),
            id: request_id(&parts.headers),
        }
    }

    pub(super) fn id(&self) -> &HeaderValue {
        &self.id
    }

    fn finish(&mut self, answered: Answered) -> Response<Body> {
        let mut response = answered.unwrap_or_else(|refusal| self.refuse(refusal));
        if response.status() != StatusCode::NO_CONTENT {
            let length = HeaderValue::from(response.body().len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        // After the length, which is that of the answer to GET.
        if self.is_head {
            *response.body_mut() = Body::empty();
        }
        let allow = self.address.filter(|_| response.status() == StatusCode::METHOD_NOT_ALLOWED);
        let headers = response.headers_mut();
        if let Some(allow) = allow.and_then(|address| HeaderValue::try_from(address.allow()).ok()) {
            headers.insert(ALLOW, allow);
        }
        headers.insert(X_REQUEST_ID, mem::replace(&mut self.id, HeaderValue::from_static("")));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        let origins = &self.service.origins;
        set_security_headers(headers, self.service.hsts.as_ref());
        origins.set_cors_headers(headers, self.trusted_origin.take());
        response
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        let problem = match refusal {
            Refusal::Problem(problem) => problem,
            Refusal::Rule(error) => Problem::of_rule(error, Some(&self.id)),
        };
        let speaks_oauth = self.address.is_some_and(|address| address.speaks_oauth);
        if speaks_oauth { problem.for_oauth() } else { problem }.into_response()
    }
}
