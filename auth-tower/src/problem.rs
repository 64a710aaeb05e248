//! Errors as clients see them: problem documents (RFC 9457).
//!
//! | status | `code` | what a client does |
//! | --- | --- | --- |
//! | 400 | `malformed_request` | a bug of the client: the body cannot be read, or a field of the login is missing or repeated |
//! | 401 | `invalid_credentials` | ask again for address and password; which of them is wrong is not told |
//! | 401 | `invalid_token` | refresh once; after a refresh that says the same, sign in |
//! | 401 | `invalid_code` | ask again for a code; `auth_session` stays good, and a sign-in by e-mail until the fifth |
//! | 401 | `insufficient_user_authentication` | step up, or sign in again (RFC 9470), then repeat |
//! | 401 | `invalid_client` | a machine: its id or its key is not good (RFC 6749) |
//! | 400 | `unauthorized_client`, `invalid_scope` | a machine: only service accounts get tokens, and for no more than their key is for |
//! | 403 | `session_required` | a machine: somebody has to be signed in for this; the key stays good |
//! | 403 | `forbidden` | nothing: a role is missing, or registration is closed |
//! | 403 | `second_factor_required`, `second_factor_enrolment_required` | show, or set up, one of `methods` with `auth_session`, within `expires_in` seconds; without `auth_session`: sign in again |
//! | 403 | `verification_needed` | prove the address first: a mail was sent, or `/request-verify-token` sends the link again |
//! | 403 | `factor_locked` | too many wrong codes were given: go on with a passkey, where `methods` has it, else say that an administrator has to open it |
//! | 403 | `cross_origin` | nothing: this page's origin is not trusted |
//! | 403 | `host_not_kept` | nothing: the proxy asks about a page of a host that the browser door is not for |
//! | 403 | `not_a_navigation` | a bug of the page: send the browser there, and do not load the address |
//! | 403 | `denied`, or a code of the host's | show `detail`: the host's own rule says no |
//! | 404, 405 | `not_found`, `method_not_allowed` | a bug of the client |
//! | 408, 413, 415 | `timeout`, `body_too_large`, `unsupported_media_type` | a bug of the client, or a bad line |
//! | 409 | `email_taken` | offer to sign in |
//! | 409 | `username_taken` | ask for another user name |
//! | 409 | `last_admin` | make another administrator first |
//! | 409 | `totp_exists` | nothing: a second factor was set up already; at a sign-in, begin it again |
//! | 409 | `factor_required` | nothing: the account has to have a second factor |
//! | 409 | `api_key_rotated` | nothing: another key has taken its place already |
//! | 409 | `api_key_limit` | delete a key first |
//! | 409 | `user_in_use` | remove what else belongs to the account, then repeat |
//! | 409 | `too_many_passkeys` | take one away first |
//! | 409 | `webhook_of_setting` | nothing: change the setting that it comes from |
//! | 409 | `last_way_in` | set a password or link another identity first |
//! | 410 | `cursor_too_old` | read the users anew, then go on from where the feed is now |
//! | 422 | `validation_failed` | show each of `errors` at its `field` |
//! | 429 | `throttled` | wait for `Retry-After` seconds; too many attempts failed before this one, which was not looked at |
//! | 500 | `internal` | report the request id |
//! | 502 | `provider_answer_invalid` | nothing: the identity provider, or what is configured of it, has to be looked at |
//! | 503 | `provider_unavailable` | wait for `Retry-After` seconds, or sign in in another way |
//! | 503 | `overloaded`, `unavailable` | wait for `Retry-After` seconds, then repeat; what was sent stays good |
//!
//! On `/login` and `/refresh-token` there are also `error` and `error_description` of RFC 6749 section 5.2:
//! `invalid_request`, `invalid_grant`, `unsupported_grant_type` or `insufficient_authorization`, and for 5xx `server_error` or
//! `temporarily_unavailable`.

mod asked;
mod document;
mod rule;

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use auth_core::{Assurance, Denial, FieldError};
use http::StatusCode;

use self::asked::Asked;
#[cfg(feature = "pages")]
pub(crate) use self::document::whole_seconds;
pub(crate) use self::rule::log_rule;

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
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    more: More,
    retry_after: Option<Duration>,
    challenge: Challenge,
    /// The member `error` of RFC 6749 section 5.2, on the two doors that OAuth clients use.
    oauth: Option<&'static str>,
}

/// What only some documents have, and none both. Small, as it is in every result.
#[derive(Debug, Clone, PartialEq, Eq)]
enum More {
    Errors(Vec<FieldError>),
    Asked(Box<Asked>),
}

/// The parameters of `WWW-Authenticate: Bearer` (RFC 6750 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    /// No `error`: no token was sent, or none was asked for.
    Plain,
    InvalidToken,
    InsufficientScope,
    /// RFC 7617.
    Basic,
    /// RFC 9470.
    Insufficient {
        level: Option<Assurance>,
        /// In seconds.
        max_age: Option<u32>,
    },
}

impl Problem {
    /// A problem with a stable `code` and a `detail` in English.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            more: More::Errors(Vec::new()),
            retry_after: None,
            challenge: Challenge::Plain,
            oauth: None,
        }
    }

    /// Adds the broken rules of the input's fields.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.more = More::Errors(errors);
        self
    }

    /// Adds the header `Retry-After`; sent in whole seconds, rounded up.
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// 403 with the host's own code and text.
    pub(crate) fn denied(denial: Denial) -> Self {
        Self::new(StatusCode::FORBIDDEN, denial.code, denial.text)
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

    /// 403 `session_required`: a machine, where somebody has to be signed in. Its key stays good, so this is no 401.
    pub(crate) fn session_required() -> Self {
        let detail = "Somebody has to be signed in for this: keys are not taken here.";
        Self::new(StatusCode::FORBIDDEN, "session_required", detail)
    }

    /// 400 with an error of OAuth's own (RFC 6749 section 5.2).
    pub(crate) fn oauth(code: &'static str, detail: &'static str) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, code, detail);
        problem.oauth = Some(code);
        problem
    }

    /// 401 `invalid_client`: the credentials of a client are missing or no good. `basic`: they came by `Authorization: Basic`.
    pub(crate) fn invalid_client(basic: bool) -> Self {
        let detail = "The credentials of the client are missing, or they are not good.";
        let mut problem = Self::oauth("invalid_client", detail);
        problem.status = StatusCode::UNAUTHORIZED;
        if basic {
            problem.challenge = Challenge::Basic;
        }
        problem
    }

    pub(crate) fn invalid_token() -> Self {
        let detail = "The token is malformed, expired or revoked.";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail);
        problem.challenge = Challenge::InvalidToken;
        problem
    }

    /// Nobody has signed in, or the browser has kept the cookie back, of which nothing else would tell the page.
    pub(crate) fn no_refresh_cookie() -> Self {
        let detail = "No refresh cookie came with the request. Browsers send it to the site of the page only (localhost and \
                      127.0.0.1 are two), and between origins only with `credentials: include` of fetch.";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail)
    }

    /// Who is signed in has to show again who they are: at this level, and at most so long ago.
    pub(crate) fn insufficient_authentication(level: Option<Assurance>, max_age: Option<Duration>) -> Self {
        let detail = "Show again who you are: step up, or sign in again.";
        let mut problem = Self::new(StatusCode::UNAUTHORIZED, "insufficient_user_authentication", detail);
        let max_age = max_age.map(|age| u32::try_from(age.as_secs()).unwrap_or(u32::MAX));
        problem.challenge = Challenge::Insufficient { level, max_age };
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

    pub(crate) fn unsupported_grant_type(detail: &'static str) -> Self {
        let mut problem = Self::malformed(detail);
        problem.oauth = Some("unsupported_grant_type");
        problem
    }

    /// No sign-in yet: another factor has to be shown, or has to be set up first. `now`: to tell how long there is for it.
    pub(crate) fn second_factor(challenge: &auth_core::Challenge, now: Option<SystemTime>) -> Self {
        let mut problem = if challenge.enrol {
            let detail = "A second factor has to be set up before there is a sign-in.";
            Self::new(StatusCode::FORBIDDEN, "second_factor_enrolment_required", detail)
        } else {
            Self::new(StatusCode::FORBIDDEN, "second_factor_required", "A second factor is needed.")
        };
        problem.oauth = Some("insufficient_authorization");
        problem.asks(challenge, now)
    }

    /// Adds by what a sign-in can go on.
    pub(crate) fn asks(mut self, challenge: &auth_core::Challenge, now: Option<SystemTime>) -> Self {
        self.more = More::Asked(Box::new(Asked::of(challenge, now)));
        self
    }

    pub(crate) fn validation(errors: Vec<FieldError>) -> Self {
        let detail = "The input is not valid; each of the errors names a field.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", detail).with_errors(errors)
    }

    /// Adds what OAuth clients read, at the doors they use. Those are no bearer doors: the challenge of a
    /// 401 there names no error.
    pub(crate) fn for_oauth(mut self) -> Self {
        if self.challenge != Challenge::Basic {
            self.challenge = Challenge::Plain;
        }
        self.oauth.get_or_insert(match &*self.code {
            "invalid_credentials" | "invalid_token" | "invalid_code" | "factor_locked" => "invalid_grant",
            "second_factor_required" | "second_factor_enrolment_required" => "insufficient_authorization",
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
    pub fn code(&self) -> &str {
        &self.code
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
        match &self.more {
            More::Errors(errors) => errors,
            More::Asked(_) => &[],
        }
    }

    /// When to try again, if that makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
