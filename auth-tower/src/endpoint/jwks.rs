use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::{Body, service::Inner};

/// `GET /.well-known/jwks.json`: the public keys that verify access tokens (RFC 7517), for other services. An empty
/// set under an HS algorithm, whose key is a secret.
///
/// Anybody may keep the answer for [`jwks_max_age`](auth_core::TokenConfig::jwks_max_age), five minutes by default, so a new
/// key should be published for so long before it signs; those of the key ring are.
/// Other origins are no exception here: pages of trusted ones may read it, and services send no `Origin`.
pub(crate) fn jwks(service: &Inner) -> Response<Body> {
    let mut response = Response::new(Body::text(service.auth.jwks()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    let keep = format!("public, max-age={}", service.auth.config().tokens.jwks_max_age().as_secs());
    if let Ok(keep) = HeaderValue::try_from(keep) {
        headers.insert(CACHE_CONTROL, keep);
    }
    response
}
