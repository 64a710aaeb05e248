use auth_core::TokenVerifier;
use tower_layer::Layer;

use super::Authenticate;

/// Verifies the bearer token of each request and puts the [`Principal`](auth_core::Principal) into the
/// request's extensions. A bad token is always refused: 401 with RFC 6750's `WWW-Authenticate`.
///
/// The check asks neither database nor network. A token stays good until it expires, so a revocation takes
/// effect after the lifetime of access tokens at the latest (15 minutes by default). With a
/// [bounded](auth_core::TokenVerifier::bounded) verifier it takes effect after the next poll, a second or so;
/// where that is too long, ask [`Auth::current_user`](auth_core::Auth::current_user), which reads the session.
///
/// ```
/// # use auth_core::TokenVerifier;
/// use auth_tower::{AuthLayer, RequireLayer};
/// use axum::{Router, routing::get};
///
/// # fn routes(verifier: TokenVerifier) -> Router {
/// Router::new()
///     .route("/reports", get(async || "for admins"))
///     .layer(RequireLayer::role("admin")) // inside: runs second
///     .layer(AuthLayer::required(verifier)) // outside: runs first
/// # }
/// ```
#[derive(Clone)]
pub struct AuthLayer {
    verifier: TokenVerifier,
    required: bool,
}

impl AuthLayer {
    /// Refuses requests without a token, too.
    pub fn required(verifier: TokenVerifier) -> Self {
        Self { verifier, required: true }
    }

    /// Lets requests without a token pass, without a `Principal`.
    pub fn optional(verifier: TokenVerifier) -> Self {
        Self { verifier, required: false }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate { inner, verifier: self.verifier.clone(), required: self.required }
    }
}

impl std::fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthLayer").field("required", &self.required).finish_non_exhaustive()
    }
}
