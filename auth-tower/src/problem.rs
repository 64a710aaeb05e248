//! Errors as clients see them: problem documents (RFC 9457).
//!
//! | status | `code` | what a client does |
//! | --- | --- | --- |
//! | 400 | `malformed_request` | a bug of the client: the body cannot be read, or a field of the login is missing or repeated |
//! | 401 | `invalid_credentials` | ask again for address and password; which of them is wrong is not told |
//! | 401 | `invalid_token` | refresh once; after a refresh that says the same, sign in |
//! | 401 | `insufficient_user_authentication` | sign in again (RFC 9470), then repeat |
//! | 403 | `forbidden` | nothing: a role is missing, or registration is closed |
//! | 403 | `cross_origin` | nothing: this page's origin is not trusted |
//! | 404, 405 | `not_found`, `method_not_allowed` | a bug of the client |
//! | 408, 413, 415 | `timeout`, `body_too_large`, `unsupported_media_type` | a bug of the client, or a bad line |
//! | 409 | `email_taken` | offer to sign in |
//! | 409 | `last_admin` | make another administrator first |
//! | 409 | `last_way_in` | set a password or link another identity first |
//! | 422 | `validation_failed` | show each of `errors` at its `field` |
//! | 429 | `throttled` | wait for `Retry-After` seconds; too many attempts failed before this one, which was not looked at |
//! | 500 | `internal` | report the request id |
//! | 502 | `provider_answer_invalid` | nothing: the identity provider, or what is configured of it, has to be looked at |
//! | 503 | `provider_unavailable` | wait for `Retry-After` seconds, or sign in in another way |
//! | 503 | `overloaded`, `unavailable` | wait for `Retry-After` seconds, then repeat; what was sent stays good |
//!
//! On `/login` and `/refresh-token` there are also `error` and `error_description` of RFC 6749 section 5.2:
//! `invalid_request`, `invalid_grant` or `unsupported_grant_type`, and for 5xx `server_error` or
//! `temporarily_unavailable`.

use std::{borrow::Cow, time::Duration};

use auth_core::{Class, Error, FieldError};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use crate::Body;

/// When the database is away: long enough not to add to its trouble, short enough for a person who waits.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);

/// A problem document (RFC 9457), as `application/problem+json`.
///
/// `type` is always `about:blank`, so `title` is the status in words; what to act on is the member `code`,
/// which stays the same from version to version. `detail` is for people: it never repeats input and never
/// shows internals.
///
/// ```
/// use auth_tower::problem::Problem;
/// use http::StatusCode;
///
/// let problem = Problem::new(StatusCode::CONFLICT, "name_taken", "There is a team of that name.");
/// assert_eq!(problem.title(), "Conflict");
/// assert_eq!(problem.into_response().status(), 409);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    challenge: Challenge,
    /// The member `error` of RFC 6749 section 5.2, on the two doors that OAuth clients use.
    oauth: Option<&'static str>,
}

/// The parameters of `WWW-Authenticate: Bearer` (RFC 6750 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    /// No `error`: no token was sent, or none was asked for.
    Plain,
    InvalidToken,
    InsufficientScope,
    /// RFC 9470.
    SignInTooOld {
        max_age: Duration,
    },
}

impl Problem {
    /// A problem with a stable `code` and a `detail` in English.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            challenge: Challenge::Plain,
            oauth: None,
        }
    }

    /// Adds the broken rules of the input's fields.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Adds the header `Retry-After`; sent in whole seconds, rounded up.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// 404 `not_found`.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing at this address.")
    }

    /// 408 `timeout`.
    pub fn timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The request did not arrive in time.")
    }

    /// 500 `internal`: a bug. What happened belongs in the log and not in here.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side.")
    }

    /// 401 `invalid_token` for a request that carries no token.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", "A bearer token is needed.")
    }

    /// 403 `forbidden`: known, but not allowed.
    pub fn forbidden() -> Self {
        let mut problem = Self::new(StatusCode::FORBIDDEN, "forbidden", "This is not allowed to you.");
        problem.challenge = Challenge::InsufficientScope;
        problem
    }

    pub(crate) fn invalid_token() -> Self {
        let detail = "The token is malformed, expired or revoked.";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail);
        problem.challenge = Challenge::InvalidToken;
        problem
    }

    pub(crate) fn sign_in_too_old(max_age: Duration) -> Self {
        let detail = "The sign-in is too long ago; sign in again.";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "insufficient_user_authentication", detail);
        problem.challenge = Challenge::SignInTooOld { max_age };
        problem
    }

    #[cfg(feature = "jwks")]
    pub(crate) fn unavailable(retry_after: Duration) -> Self {
        let detail = "The service is not available at this moment; try again soon.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).with_retry_after(retry_after)
    }

    pub(crate) fn cross_origin() -> Self {
        let detail = "Requests from another origin are not allowed here.";
        Self::new(StatusCode::FORBIDDEN, "cross_origin", detail)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "The address exists, but not for this method.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    pub(crate) fn body_too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large.")
    }

    pub(crate) fn unsupported_media_type(detail: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    pub(crate) fn malformed(detail: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    pub(crate) fn unsupported_grant_type() -> Self {
        let mut problem = Self::malformed("The only grant type here is password.");
        problem.oauth = Some("unsupported_grant_type");
        problem
    }

    pub(crate) fn validation(errors: Vec<FieldError>) -> Self {
        let detail = "The input is not valid; each of the errors names a field.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", detail).with_errors(errors)
    }

    /// The problem of an error of the rules. What an operator must see is logged: the texts of these errors carry
    /// kinds and codes, never data; what clients did wrong is told by the security events of the rules.
    pub(crate) fn of_rule(error: Error, request_id: Option<&HeaderValue>) -> Self {
        log_rule(&error, request_id.and_then(|id| id.to_str().ok()));
        Self::from(error)
    }

    /// Adds what OAuth clients read, at the doors they use. Those are no bearer doors: the challenge of a
    /// 401 there names no error.
    pub(crate) fn for_oauth(mut self) -> Self {
        self.challenge = Challenge::Plain;
        self.oauth.get_or_insert(match self.code {
            "invalid_credentials" | "invalid_token" => "invalid_grant",
            // Not in section 5.2, which knows errors of the client only; of section 4.1.2.1.
            "overloaded" | "unavailable" | "throttled" => "temporarily_unavailable",
            "internal" => "server_error",
            _ => "invalid_request",
        });
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable name.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status in words (RFC 9457 section 4.2.1).
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// What to tell a person.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The broken rules, if it is about input.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// When to try again, if that makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The answer: the document, `Cache-Control: no-store`, `Retry-After` if set, and `WWW-Authenticate` on
    /// every 401 (RFC 9110 section 15.5.2).
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::json(&Document::of(&self)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if let Some(challenge) = self.www_authenticate() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    fn www_authenticate(&self) -> Option<HeaderValue> {
        let fixed = |text| Some(HeaderValue::from_static(text));
        match self.challenge {
            Challenge::Plain if self.status != StatusCode::UNAUTHORIZED => None,
            // RFC 6750 asks for at least one parameter after the scheme.
            Challenge::Plain => fixed(r#"Bearer realm="auth""#),
            Challenge::InvalidToken => fixed(concat!(
                r#"Bearer realm="auth", error="invalid_token", "#,
                r#"error_description="The token is malformed, expired or revoked.""#
            )),
            Challenge::InsufficientScope => fixed(r#"Bearer realm="auth", error="insufficient_scope""#),
            Challenge::SignInTooOld { max_age } => HeaderValue::try_from(format!(
                r#"Bearer realm="auth", error="insufficient_user_authentication", error_description="The sign-in is too long ago; sign in again.", max_age="{}""#,
                max_age.as_secs(),
            ))
            .ok(),
        }
    }
}

/// Tells an operator of an error of the rules that is nobody's fault but ours.
pub(crate) fn log_rule(error: &Error, request_id: Option<&str>) {
    let code = error.code();
    match error {
        Error::Internal(source) => tracing::error!(request_id, code, error = %source, "request failed"),
        Error::Unavailable(source) => tracing::warn!(request_id, code, error = %source, "request failed"),
        Error::NoSigningKey => tracing::warn!(request_id, code, error = %error, "request failed"),
        // Said by the hash pool from time to time; for each it would be the better part of what a refusal costs.
        Error::Overloaded { .. } => tracing::info!(request_id, code, "request refused"),
        _ => {}
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// The one place where an error of the rules gets a status: by its class, of which there are no others.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, detail) = match error.class() {
            Class::Validation => {
                return Self::validation(match error {
                    Error::Validation(errors) => errors,
                    _ => Vec::new(),
                });
            }
            Class::Token => return Self::invalid_token(),
            Class::Internal => return Self::internal(),
            Class::Credentials => (StatusCode::UNAUTHORIZED, "The e-mail address or the password is wrong."),
            Class::Throttled => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts; try again later, or on a device where you signed in before.",
            ),
            Class::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "Too many sign-ins at this moment; try again soon.")
            }
            Class::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The service is not available at this moment; try again soon.",
            ),
            Class::NotFound => (StatusCode::NOT_FOUND, "There is no such thing."),
            Class::Conflict => (StatusCode::CONFLICT, "Something stands against it."),
            Class::Forbidden => (StatusCode::FORBIDDEN, "This is not allowed."),
            Class::BadGateway => (StatusCode::BAD_GATEWAY, "Another server answers what it should not."),
        };
        let retry_after = match error {
            Error::Throttled { retry_after } | Error::Overloaded { retry_after } => Some(retry_after),
            _ => (error.class() == Class::Unavailable).then_some(UNAVAILABLE_RETRY),
        };
        let detail = if let Error::Refused(refusal) = error { refusal.text } else { detail };
        let problem = Self::new(status, error.code(), detail);
        Self { retry_after, ..problem }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<DocumentError<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

#[derive(Serialize)]
struct DocumentError<'a> {
    field: &'static str,
    code: &'static str,
    detail: &'a str,
}

impl<'a> Document<'a> {
    fn of(problem: &'a Problem) -> Self {
        let errors = problem.errors.iter();
        Self {
            r#type: "about:blank",
            title: problem.title(),
            status: problem.status.as_u16(),
            detail: &problem.detail,
            code: problem.code,
            errors: errors
                .map(|error| DocumentError { field: error.field, code: error.code, detail: &error.detail })
                .collect(),
            error: problem.oauth,
            error_description: problem.oauth.map(|_| &*problem.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_and_never_zero() {
        for (wait, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (60_000, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(wait)), seconds, "{wait} ms");
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn the_code_of_a_rule_and_the_code_of_its_document_are_one() {
        use auth_core::refusal;
        for error in [
            Error::Validation(Vec::new()),
            Error::InvalidCredentials,
            Error::InvalidToken,
            Error::SessionOver,
            Error::SessionLeft,
            Error::Refused(refusal::EMAIL_TAKEN),
            Error::Refused(refusal::REGISTRATION_CLOSED),
            Error::Refused(refusal::USER_NOT_FOUND),
            Error::Refused(refusal::LAST_WAY_IN),
            Error::NoSigningKey,
            Error::RevocationsStale,
            Error::Throttled { retry_after: Duration::from_secs(1) },
            Error::Overloaded { retry_after: Duration::from_secs(1) },
            Error::Internal("a bug".into()),
        ] {
            let code = error.code();
            assert_eq!(Problem::from(error).code(), code);
        }
    }

    #[test]
    fn an_internal_error_shows_nothing_of_its_cause() {
        let problem = Problem::from(Error::Internal("canary".into()));
        assert!(!format!("{problem:?}").contains("canary"));
    }

    #[test]
    fn a_sign_in_that_is_too_old_says_how_old_it_may_be() {
        let response = Problem::sign_in_too_old(Duration::from_mins(5)).into_response();
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        assert!(challenge.ends_with(r#"max_age="300""#), "{challenge}");
    }
}
