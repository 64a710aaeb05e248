//! Answers of the program's own, beside those of the service: documents that are read with GET, and problems.

use auth_tower::{Body, problem::Problem, set_security_headers};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body_util::{Either, Full};

/// The body of an answer: of the service, or a document of ours.
pub(crate) type AnswerBody = Either<Body, Full<Bytes>>;

/// The answer to whoever uses another method than GET or HEAD for what is only read.
pub(crate) fn unless_read(method: &Method, hsts: Option<&HeaderValue>) -> Option<Response<AnswerBody>> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let detail = "This is read with GET.";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    let mut response = dress(problem, hsts);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(response)
}

/// A document, or what is told of it to HEAD: the length is that of the answer to GET.
pub(crate) fn document(
    method: &Method,
    kind: &'static str,
    bytes: Bytes,
    hsts: Option<&HeaderValue>,
) -> Response<AnswerBody> {
    let length = HeaderValue::from(bytes.len());
    let body = if *method == Method::HEAD { Bytes::new() } else { bytes };
    let mut response = Response::new(Either::Right(Full::from(body)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, length);
    set_security_headers(headers, hsts);
    response
}

/// A problem with the headers that the service gives its own.
pub(crate) fn dress(problem: Problem, hsts: Option<&HeaderValue>) -> Response<AnswerBody> {
    let mut response = problem.into_response().map(Either::Left);
    set_security_headers(response.headers_mut(), hsts);
    response
}
