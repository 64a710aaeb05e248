use tower_layer::Layer;

use super::{Authenticate, TokenCheck};

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
#[derive(Debug, Clone)]
pub struct AuthLayer {
    check: TokenCheck,
    required: bool,
    grpc: bool,
}

impl AuthLayer {
    /// Refuses requests without a token, too.
    pub fn required(check: impl Into<TokenCheck>) -> Self {
        Self { check: check.into(), required: true, grpc: false }
    }

    /// Lets requests without a token pass, without a `Principal`.
    pub fn optional(check: impl Into<TokenCheck>) -> Self {
        Self { required: false, ..Self::required(check) }
    }

    /// For a gRPC service: calls with the content type `application/grpc` are refused in gRPC's own form, an HTTP
    /// 200 with nothing but `grpc-status` and `grpc-message`. The status is `UNAUTHENTICATED` (16) for 401,
    /// `PERMISSION_DENIED` (7) for 403, `UNAVAILABLE` (14) for 503 and `INTERNAL` (13) otherwise;
    /// `grpc-retry-pushback-ms` (gRFC A6) stands for `Retry-After`. Other requests are refused as ever.
    ///
    /// The doors inside refuse in the same form. For gRPC-Web this layer belongs inside the one that translates.
    ///
    /// Off by default, because the client chooses the content type: a proxy that asks a door by its HTTP status
    /// (nginx `auth_request`) must not be answered 200. Without it clients see a broken answer; tonic's call it
    /// `INTERNAL`.
    pub fn grpc(mut self) -> Self {
        self.grpc = true;
        self
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate { inner, check: self.check.clone(), required: self.required, grpc: self.grpc }
    }
}
