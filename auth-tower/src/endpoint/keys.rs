//! The public keys, for other services.

use std::future::ready;

use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::json;

use super::Doors;
use crate::{
    Body,
    openapi::{
        Operation, Tag,
        shape::{object, reference},
    },
    route::{Address, Endpoint, Route},
    service::Inner,
};

impl Endpoint {
    /// `GET /.well-known/jwks.json`
    pub const JWKS: Self = Self(&Address::new(
        "/.well-known/jwks.json",
        &[Route::get(|call| Box::pin(ready(Ok(jwks(&call.service)))), describe)],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::JWKS],
    schemas: |_| {
        let keys = json!({"keys": {"type": "array", "items": {"type": "object", "required": ["kty"]}}});
        vec![("KeySet", object(&["keys"], &keys))]
    },
    ..Doors::tagged(Tag::SERVICES)
};

/// `GET /.well-known/jwks.json`: the public keys that verify access tokens (RFC 7517), for other services. An empty
/// set under an HS algorithm, whose key is a secret.
///
/// Anybody may keep the answer for [`jwks_max_age`](auth_core::TokenConfig::jwks_max_age), five minutes by default, so a new
/// key should be published for so long before it signs; those of the key ring are.
/// Other origins are no exception here: pages of trusted ones may read it, and services send no `Origin`.
fn jwks(service: &Inner) -> Response<Body> {
    let mut response = Response::new(Body::text(service.auth.jwks()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    let keep = format!("public, max-age={}", service.auth.config().tokens.jwks_max_age().as_secs());
    if let Ok(keep) = HeaderValue::try_from(keep) {
        headers.insert(CACHE_CONTROL, keep);
    }
    response
}

fn describe(_: &Inner) -> Operation {
    let content = json!({"application/jwk-set+json": {"schema": reference("KeySet")}});
    Operation::new("jwks", "The public keys that verify access tokens")
        .describe("RFC 7517. Empty where the key is a secret, under HS256, HS384 and HS512.")
        .answer(200, json!({"description": "May be kept for as long as it says.", "content": content}))
}
