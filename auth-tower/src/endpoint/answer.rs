//! Answers that several endpoints give.

use std::time::Duration;

use auth_core::{AccessToken, Password, Tokens};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA},
};
use serde::Serialize;

use crate::{Body, problem::Problem, transport::Cookies};

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut response = Response::new(Body::json(value));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whatever was asked for is done, or not: by mail.
pub(super) fn accepted() -> Response<Body> {
    empty(StatusCode::ACCEPTED)
}

pub(super) fn no_content() -> Response<Body> {
    empty(StatusCode::NO_CONTENT)
}

pub(crate) fn redirect(to: &str) -> Result<Response<Body>, Problem> {
    let location = HeaderValue::try_from(to).map_err(|_| Problem::internal())?;
    let mut response = empty(StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// RFC 6749 section 5.1, without the refresh token: that one goes into the jar only.
#[derive(Serialize)]
struct TokenDocument<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    /// Where a factor was just set up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recovery_codes: Vec<&'a str>,
}

pub(super) fn tokens(cookies: Cookies, tokens: &Tokens) -> Response<Body> {
    tokens_with_codes(cookies, tokens, &[])
}

pub(super) fn tokens_with_codes(cookies: Cookies, tokens: &Tokens, codes: &[Password]) -> Response<Body> {
    let mut response = access_token(&tokens.access, tokens.access_expires_in, codes);
    token_cookies(cookies, tokens, response.headers_mut());
    response
}

/// An access token of a session that goes on, whose cookie stays.
pub(super) fn access_token(access: &AccessToken, expires_in: Duration, codes: &[Password]) -> Response<Body> {
    let document = TokenDocument {
        access_token: access.expose(),
        token_type: "bearer",
        expires_in: expires_in.as_secs(),
        recovery_codes: codes.iter().map(Password::expose).collect(),
    };
    let mut response = json(StatusCode::OK, &document);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// What goes into the jar after a sign-in or a refresh.
pub(crate) fn token_cookies(cookies: Cookies, tokens: &Tokens, headers: &mut HeaderMap) {
    cookies.refresh.set(headers, tokens.refresh.expose(), tokens.refresh_expires_in);
    if let Some(device) = &tokens.device {
        cookies.device.set(headers, device.expose(), Tokens::DEVICE_EXPIRES_IN);
    }
}
