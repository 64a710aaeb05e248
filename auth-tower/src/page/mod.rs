//! The built-in pages that links in mails lead to. The token is in the fragment, which no server sees and no mail scanner
//! sends: getting a page changes nothing, its button does.

use http::{
    HeaderName, HeaderValue, Response,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

use crate::{Body, headers::random_id};

const VERIFY_EMAIL: &str = include_str!("verify_email.html");
const RESET_PASSWORD: &str = include_str!("reset_password.html");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const STYLE: &str = include_str!("style.css");

pub(crate) fn verify_email() -> Response<Body> {
    page(VERIFY_EMAIL)
}

pub(crate) fn reset_password() -> Response<Body> {
    page(RESET_PASSWORD)
}

/// Style and script are in the page itself and run by a nonce of this one answer (CSP level 3); they may speak to this
/// origin only.
fn page(html: &str) -> Response<Body> {
    let nonce = random_id();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = Response::new(Body::text(html.replace("{style}", STYLE).replace("{nonce}", &nonce)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // A page that has opened this one holds no handle to its window (ASVS 3.4.8).
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
