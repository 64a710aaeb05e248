//! Refusals as gRPC clients read them.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{Body, Problem};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// How long a client with a retry policy waits (gRFC A6).
const GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// What may not stand in `grpc-message` as it is; bytes beyond ASCII never may.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// The form in which a door says no. Left in the request by an [`AuthLayer`](crate::AuthLayer), it is also the mark by which the
/// doors inside know that there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A status and a problem document.
    Http,
    /// HTTP 200 and nothing but `grpc-status` and `grpc-message` ("Trailers-Only").
    Grpc,
}

impl Refusal {
    /// What a request is refused with. The content type is the client's to choose, and a gRPC refusal is an HTTP
    /// 200: so only a door that was told to speak gRPC ever does, and never one that a proxy asks by the status.
    pub(crate) fn of(headers: &HeaderMap, speaks_grpc: bool) -> Self {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if speaks_grpc && content_type.is_some_and(is_grpc) { Self::Grpc } else { Self::Http }
    }

    /// Tells the doors inside, which do not know whether the service behind them speaks gRPC. What an outer door left was about
    /// itself.
    pub(crate) fn leave_in(self, extensions: &mut Extensions) {
        extensions.insert(self);
    }

    /// `None`: the request came by no [`AuthLayer`](crate::AuthLayer).
    pub(crate) fn left_in(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }

    pub(crate) fn response(self, problem: Problem) -> Response<Body> {
        match self {
            Self::Http => problem.into_response(),
            Self::Grpc => trailers_only(&problem),
        }
    }
}

/// `application/grpc`, also with a message format (`application/grpc+proto`) or parameters. gRPC-Web is another
/// protocol.
fn is_grpc(content_type: &[u8]) -> bool {
    let (start, rest) = content_type.split_at(content_type.len().min(GRPC.len()));
    start.eq_ignore_ascii_case(GRPC.as_bytes()) && matches!(rest.first(), None | Some(b'+' | b';'))
}

fn trailers_only(problem: &Problem) -> Response<Body> {
    let status = grpc_status(problem.status());
    let message = utf8_percent_encode(problem.detail(), MESSAGE).to_string();
    let pushback = problem.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));

    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(GRPC_STATUS, HeaderValue::from(status));
    // Encoded, it is visible ASCII and spaces.
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
    if let Some(pushback) = pushback {
        headers.insert(GRPC_RETRY_PUSHBACK_MS, HeaderValue::from(pushback));
    }
    response
}

/// The code of `google.rpc.Code` for each status that a door refuses with.
fn grpc_status(status: StatusCode) -> u16 {
    match status {
        StatusCode::UNAUTHORIZED => 16,        // UNAUTHENTICATED
        StatusCode::FORBIDDEN => 7,            // PERMISSION_DENIED
        StatusCode::TOO_MANY_REQUESTS => 8,    // RESOURCE_EXHAUSTED
        StatusCode::SERVICE_UNAVAILABLE => 14, // UNAVAILABLE
        _ => 13,                               // INTERNAL
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn content_type(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_the_content_type_of_grpc_asks_for_a_refusal_in_its_form() {
        for grpc in
            ["application/grpc", "application/grpc+proto", "Application/gRPC+json", "application/grpc;a=b"]
        {
            assert_eq!(Refusal::of(&content_type(grpc), true), Refusal::Grpc, "{grpc}");
        }
        for other in ["application/grpc-web", "application/grpcx", "application/json", "application/grp", ""]
        {
            assert_eq!(Refusal::of(&content_type(other), true), Refusal::Http, "{other}");
        }
        assert_eq!(Refusal::of(&HeaderMap::new(), true), Refusal::Http);
    }

    #[test]
    fn each_status_of_a_door_has_its_code() {
        for (status, code) in [(401, "16"), (403, "7"), (429, "8"), (503, "14"), (500, "13"), (408, "13")] {
            let problem = Problem::new(StatusCode::from_u16(status).unwrap(), "a_code", "Why.");
            let response = trailers_only(&problem);
            assert_eq!(
                (response.status(), &response.headers()[GRPC_STATUS]),
                (StatusCode::OK, &code.parse().unwrap())
            );
        }
    }

    #[test]
    fn the_message_is_percent_encoded_and_the_wait_is_in_milliseconds() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "a_code", "50 % über\r\nalles")
            .with_retry_after(Duration::from_millis(1500));
        let response = trailers_only(&problem);
        assert_eq!(response.headers()[GRPC_MESSAGE], "50 %25 %C3%BCber%0D%0Aalles");
        assert_eq!(response.headers()[GRPC_RETRY_PUSHBACK_MS], "1500");
    }
}
