//! What there is for clients of OAuth 2, in the form that they look for (RFC 8414).

use std::future::ready;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    OriginPolicy,
    endpoint::answer::json,
    openapi::{
        Operation,
        shape::{closed, text, texts},
    },
    route::{Endpoint, Route},
    service::Inner,
};

pub(super) const ROUTE: Route =
    Route::get(|call| Box::pin(ready(Ok(json(StatusCode::OK, &document(&call.service))))), describe);

/// Whether an issuer is one that a client can ask: an https URL, or one of this machine (RFC 8414 section 2).
pub(super) fn is_url(issuer: &str) -> bool {
    let origin = issuer.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    OriginPolicy::new(&origin).is_ok_and(|policy| policy.is_https() || policy.is_loopback())
}

/// `GET /.well-known/oauth-authorization-server`.
fn document(service: &Inner) -> Value {
    let base = service.base_url();
    let is_there = |endpoint: Endpoint| service.mounted.contains(&endpoint);
    let mut document = json!({
        "issuer": service.auth.config().tokens.issuer,
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    let endpoints = [
        ("token_endpoint", Endpoint::TOKEN),
        ("revocation_endpoint", Endpoint::REVOKE),
        ("introspection_endpoint", Endpoint::INTROSPECT),
        ("jwks_uri", Endpoint::JWKS),
    ];
    if let Some(members) = document.as_object_mut() {
        for (name, endpoint) in endpoints.into_iter().filter(|(_, endpoint)| is_there(*endpoint)) {
            members.insert(name.to_owned(), json!(format!("{base}{}", endpoint.path())));
        }
    }
    document
}

fn describe(_: &Inner) -> Operation {
    Operation::new("oauth_metadata", "What there is for clients of OAuth 2")
        .describe("RFC 8414.")
        .answers_with(200, "The addresses.", "OAuthMetadata")
}

pub(super) fn schema() -> (&'static str, Value) {
    let members = json!({
        "issuer": text(),
        "token_endpoint": text(),
        "revocation_endpoint": text(),
        "introspection_endpoint": text(),
        "jwks_uri": text(),
        "response_types_supported": texts(),
        "grant_types_supported": texts(),
        "token_endpoint_auth_methods_supported": texts(),
        "revocation_endpoint_auth_methods_supported": texts(),
        "introspection_endpoint_auth_methods_supported": texts(),
    });
    ("OAuthMetadata", closed(&members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_over_tls_or_on_this_machine() {
        for good in [
            "https://auth.example.com",
            "https://example.com/auth",
            "http://127.0.0.1:8000",
            "http://localhost",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in ["auth", "http://auth.example.com", "https://", "", "https://user@example.com"] {
            assert!(!is_url(bad), "{bad}");
        }
    }
}
