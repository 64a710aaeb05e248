use auth_core::Principal;
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::no_content;
use crate::{
    Body,
    authenticate::authenticate,
    problem::Problem,
    service::{Inner, Refusal},
};

/// `GET /verify`: whether the bearer token is good, and whose it is, in headers. For proxies that ask before they
/// let a request through (nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`).
///
/// Reads no database. What has ended is refused as soon as this process knows: at once if it happened here, else
/// after the next poll of [`Auth::watch_revocations`](auth_core::Auth::watch_revocations), and when the token
/// expires if the host runs none.
pub(crate) fn verify(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller = authenticate(headers, &service.verifier)?.ok_or_else(Problem::unauthenticated)?;
    let mut response = no_content();
    for (name, value) in about(&caller) {
        // Ids and role names are visible ASCII, so there is always a value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn about(caller: &Principal) -> [(HeaderName, String); 3] {
    [
        (HeaderName::from_static("x-auth-user"), caller.user_id().to_string()),
        (HeaderName::from_static("x-auth-session"), caller.session_id().to_string()),
        (HeaderName::from_static("x-auth-roles"), caller.roles().join(",")),
    ]
}
