//! Answers that several endpoints give.

use std::time::Duration;

use auth_core::{AccessToken, Password, Tokens};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA},
};
use serde::Serialize;

use crate::{Body, problem::Problem, service::Inner};

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

pub(super) fn tokens(service: &Inner, tokens: &Tokens) -> Response<Body> {
    tokens_with_codes(service, tokens, &[])
}

pub(super) fn tokens_with_codes(service: &Inner, tokens: &Tokens, codes: &[Password]) -> Response<Body> {
    let mut response = access_token(&tokens.access, tokens.access_expires_in, codes);
    token_cookies(service, tokens, response.headers_mut());
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
pub(crate) fn token_cookies(service: &Inner, tokens: &Tokens, headers: &mut HeaderMap) {
    let cookies = service.cookies;
    if let Some(door) = &service.browser {
        door.cookie.set(headers, tokens.browser.expose(), tokens.session_expires_in);
    }
    cookies.refresh.set(headers, tokens.refresh.expose(), tokens.refresh_expires_in);
    if let Some(device) = &tokens.device {
        cookies.device.set(headers, device.expose(), Tokens::DEVICE_EXPIRES_IN);
    }
}

/// What goes out of the jar with a session. The device stays known.
pub(crate) fn clear_session_cookies(service: &Inner, headers: &mut HeaderMap) {
    service.cookies.refresh.clear(headers);
    if let Some(door) = &service.browser {
        door.cookie.clear(headers);
    }
}

/// Whether the browser door would not know who is signed in: nobody has been at a door since it is there, or a secret has changed.
#[cfg(feature = "pages")]
pub(crate) fn lacks_browser_cookie(service: &Inner, tokens: &Tokens, held: &HeaderMap) -> bool {
    let door = service.browser.as_ref();
    door.is_some_and(|door| door.cookie.read_one(held) != Some(tokens.browser.expose()))
}
