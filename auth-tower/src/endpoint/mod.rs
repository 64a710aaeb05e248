//! One file per endpoint: parse, call the rule of the same name, write the answer.

mod account;
mod admin;
mod events;
mod fields;
#[cfg(feature = "oidc")]
mod identities;
mod jwks;
mod login;
mod logout;
mod mail;
mod me;
#[cfg(feature = "oidc")]
mod oauth;
mod openapi;
mod refresh_token;
mod register;
mod sessions;
mod verify;

use auth_core::{Principal, Tokens, User};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{Body, authenticate::authenticate, problem::Problem, service::Inner, transport::Cookies};

pub use self::admin::AccountDocument;
pub(crate) use self::{
    account::{change_email, change_password, delete_me, export},
    admin::{administrator, change_user, delete_user, end_sessions_of, user, users},
    events::{events_of, own_events},
    jwks::jwks,
    login::login,
    logout::logout,
    mail::{forgot_password, request_verify_token, reset_password, verify_email},
    me::me,
    openapi::openapi,
    refresh_token::refresh_token,
    register::register,
    sessions::{end_other_sessions, end_session, sessions},
    verify::verify,
};
#[cfg(feature = "oidc")]
pub(crate) use self::{
    identities::{identities, link_identity, unlink_identity},
    oauth::{authorize, callback},
};

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::json(value));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whatever was asked for is done, or not: by mail.
fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The caller of an endpoint that is closed without a bearer token.
fn caller(service: &Inner, headers: &HeaderMap) -> Result<Principal, Problem> {
    authenticate(headers, &service.auth.verifier())?.ok_or_else(Problem::unauthenticated)
}

/// A user as clients see it.
#[derive(Debug, Serialize)]
struct UserDocument<'a> {
    id: String,
    email: &'a str,
    email_verified: bool,
    roles: &'a [String],
    created_at: String,
}

impl<'a> UserDocument<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: user.id.to_string(),
            email: &user.email,
            email_verified: user.email_verified,
            roles: &user.roles,
            created_at: rfc3339(user.created_at),
        }
    }
}

/// UTC in whole seconds. A time that no calendar has, from a broken row, becomes the epoch.
fn rfc3339(time: std::time::SystemTime) -> String {
    let since = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

/// RFC 6749 section 5.1, without the refresh token: that one goes into the jar only.
#[derive(Serialize)]
struct TokenDocument<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
}

fn tokens(cookies: Cookies, tokens: &Tokens) -> Response<Body> {
    let document = TokenDocument {
        access_token: tokens.access.expose(),
        token_type: "bearer",
        expires_in: tokens.access_expires_in.as_secs(),
    };
    let mut response = json(StatusCode::OK, &document);
    let headers = response.headers_mut();
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    token_cookies(cookies, tokens, headers);
    response
}

/// What goes into the jar after a sign-in or a refresh.
fn token_cookies(cookies: Cookies, tokens: &Tokens, headers: &mut HeaderMap) {
    cookies.refresh.set(headers, tokens.refresh.expose(), tokens.refresh_expires_in);
    if let Some(device) = &tokens.device {
        cookies.device.set(headers, device.expose(), Tokens::DEVICE_EXPIRES_IN);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::rfc3339;

    #[test]
    fn times_are_utc_in_whole_seconds() {
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(1_795_341_600_999)), "2026-11-22T10:00:00Z");
    }

    #[test]
    fn a_time_beyond_any_calendar_is_no_panic() {
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(1 << 50)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
    }
}
