//! The page's files and the endpoints behind them, at one origin: the cookie is sent to the endpoints by no other.

use std::net::SocketAddr;

use auth_core::Auth;
use auth_tower::{AuthService, ClientAddr, set_security_headers};
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
    routing::get,
};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use tower::util::{MapRequestLayer, MapResponseLayer};

/// Nothing but the page's own files runs in it, and it talks to nobody but its own origin. So a line of markup that somebody
/// smuggles in is no script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'",
);

pub(crate) fn app(auth: &Auth, public_url: &str) -> Result<Router, auth_tower::ConfigError> {
    let endpoints = AuthService::builder(auth.clone())
        // Browsers tell where a page comes from; requests of other pages are refused.
        .public_url(public_url)
        .mounted_at("/auth")
        .build()?;
    let hsts = endpoints.hsts();
    // The page offers no passkeys where there can be none, as at an IP address.
    let page = match auth.passkeys() {
        Some(_) => include_str!("index.html").to_owned(),
        None => include_str!("index.html").replacen(" data-passkeys", "", 1),
    };
    Ok(Router::new()
        .route("/", get(async move || file("text/html; charset=utf-8", page.clone())))
        .route("/page.css", get(async || file("text/css", include_str!("page.css"))))
        .route("/page.js", get(async || file("text/javascript", include_str!("page.js"))))
        .route("/passkey.js", get(async || file("text/javascript", include_str!("passkey.js"))))
        .route("/session.js", get(async || file("text/javascript", include_str!("session.js"))))
        .layer(MapResponseLayer::new(move |mut response: Response| {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
            set_security_headers(response.headers_mut(), hsts.as_ref());
            response
        }))
        // After that layer: the endpoints set their own, stricter headers.
        .nest_service("/auth", endpoints)
        .layer(MapRequestLayer::new(with_client_address)))
}

fn file(kind: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Asked for again each time, so that page and script are always of one version.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The list of sessions tells where each is. Behind a proxy this would be what that proxy says.
fn with_client_address(mut request: Request) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        request.extensions_mut().insert(ClientAddr(peer.ip()));
    }
    request
}
