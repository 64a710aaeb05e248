//! A problem on the wire.

use std::{fmt::Write as _, time::Duration};

use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use super::{Asked, Challenge, More, Problem};
use crate::Body;

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<DocumentError<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
    #[serde(flatten)]
    asked: Option<&'a Asked>,
}

#[derive(Serialize)]
struct DocumentError<'a> {
    field: &'static str,
    code: &'static str,
    detail: &'a str,
}

impl<'a> Document<'a> {
    fn of(problem: &'a Problem) -> Self {
        let errors = problem.errors().iter();
        Self {
            r#type: "about:blank",
            title: problem.title(),
            status: problem.status.as_u16(),
            detail: &problem.detail,
            code: &problem.code,
            errors: errors
                .map(|error| DocumentError { field: error.field, code: error.code, detail: &error.detail })
                .collect(),
            error: problem.oauth,
            error_description: problem.oauth.map(|_| &*problem.detail),
            asked: match &problem.more {
                More::Asked(asked) => Some(asked),
                More::Errors(_) => None,
            },
        }
    }
}

impl Problem {
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
            Challenge::Basic => fixed(r#"Basic realm="auth""#),
            Challenge::InsufficientScope => fixed(r#"Bearer realm="auth", error="insufficient_scope""#),
            Challenge::Insufficient { level, max_age } => {
                let mut text = concat!(
                    r#"Bearer realm="auth", error="insufficient_user_authentication", "#,
                    r#"error_description="Show again who you are: step up, or sign in again.""#
                )
                .to_owned();
                // Writing to a String cannot fail.
                if let Some(level) = level {
                    let _ = write!(text, r#", acr_values="{}""#, level.name());
                }
                if let Some(max_age) = max_age {
                    let _ = write!(text, r#", max_age="{max_age}""#);
                }
                HeaderValue::try_from(text).ok()
            }
        }
    }
}

pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
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
    fn a_proof_that_does_not_do_says_what_would() {
        use auth_core::Assurance::Aal2;
        let five = Some(Duration::from_mins(5));
        for (level, max_age, end) in [
            (None, five, r#"again.", max_age="300""#),
            (Some(Aal2), five, r#", acr_values="aal2", max_age="300""#),
            (Some(Aal2), None, r#", acr_values="aal2""#),
        ] {
            let response = Problem::insufficient_authentication(level, max_age).into_response();
            let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
            assert!(challenge.ends_with(end), "{challenge}");
        }
    }
}
