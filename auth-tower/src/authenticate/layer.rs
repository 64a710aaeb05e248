use auth_core::Auth;
use tower_layer::Layer;

use super::{Authenticate, TokenVerification};

/// Verifies the bearer token of each request and puts the [`Principal`](auth_core::Principal) into the
/// request's extensions. A bad token is always refused: 401 with RFC 6750's `WWW-Authenticate`.
///
/// How soon a revocation takes effect, be it a logout, a disabled user or a role taken away, and what that costs, is
/// for the host to choose, layer by layer:
///
/// | way | made by | takes effect | cost of a request |
/// | --- | --- | --- | --- |
/// | stateless | `AuthLayer::required(auth.verifier())` | when the token expires, 15 minutes by default | nothing |
/// | bounded | `AuthLayer::required(auth.verifier().bounded(auth.revocations()))` | after the next poll of [`Auth::run_background`], a second or so; at once in the process that did it | nothing; a poll is seven SELECTs (four without API keys) |
/// | strict | `AuthLayer::required(auth.verifier()).strict(auth)` | at once | one SELECT |
/// | elsewhere (feature `jwks`) | `AuthLayer::required(keys)`, with a `RemoteJwks` of the issuer's public keys | as stateless | nothing; a fetch every few minutes |
///
/// While the database is away, a stateless verification goes on, a bounded one goes on with what it knows (or, once that is
/// older than [`TokenConfig::revocation_max_age`](auth_core::TokenConfig::revocation_max_age), answers 503 `unavailable`), and a
/// strict one answers 503. Never 401: the token may be good.
///
/// ```
/// # use auth_core::Auth;
/// use auth_tower::{AuthLayer, RequireLayer};
/// use axum::{Router, routing::get};
///
/// # fn routes(auth: Auth) -> Result<Router, auth_tower::ConfigError> {
/// let payouts = Router::new()
///     .route("/payouts", get(async || "for admins of this moment"))
///     .layer(RequireLayer::role("admin")?) // inside: runs second
///     .layer(AuthLayer::required(auth.verifier()).strict(auth.clone())); // outside: runs first
/// let reports = Router::new()
///     .route("/reports", get(async || "for all who are signed in"))
///     .layer(AuthLayer::required(auth.verifier().bounded(auth.revocations())));
/// Ok(payouts.merge(reports))
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AuthLayer {
    verification: TokenVerification,
    required: bool,
    grpc: bool,
}

impl AuthLayer {
    /// Refuses requests without a token, too.
    pub fn required(verification: impl Into<TokenVerification>) -> Self {
        Self { verification: verification.into(), required: true, grpc: false }
    }

    /// Lets requests without a token pass, without a `Principal`.
    pub fn optional(verification: impl Into<TokenVerification>) -> Self {
        Self { required: false, ..Self::required(verification) }
    }

    /// Also reads the session of each request that carries a good token
    /// ([`Auth::verify_session`]): what has ended is refused at once, and the principal has the roles of this moment.
    pub fn strict(mut self, auth: Auth) -> Self {
        self.verification = self.verification.strict(auth);
        self
    }

    /// Takes service accounts as well, by the tokens that they get for their keys. A handler sees one only inside
    /// [`RequireLayer::scope`](crate::RequireLayer::scope), [`service`](crate::RequireLayer::service) or
    /// [`any_caller`](crate::RequireLayer::any_caller); every other guard refuses it. So give each route a guard: a handler
    /// without one that asks for no caller is run for machines, too.
    pub fn any_caller(mut self) -> Self {
        self.verification = self.verification.any_caller();
        self
    }

    /// And API keys, of people and of services, which are looked up here: one SELECT for a key in the time of a
    /// [poll](auth_core::BackgroundConfig::poll), however often it comes.
    ///
    /// ```
    /// # use auth_core::Auth;
    /// use auth_tower::{AuthLayer, RequireLayer};
    /// use axum::{Router, routing::get};
    ///
    /// # fn routes(auth: Auth) -> Router {
    /// Router::new()
    ///     .route("/todos", get(async || "for people, and for keys that may read").layer(RequireLayer::scope("read:todos")))
    ///     .route("/settings", get(async || "for people only").layer(RequireLayer::signed_in()))
    ///     .layer(AuthLayer::required(auth.verifier().bounded(auth.revocations())).api_keys(auth))
    /// # }
    /// ```
    pub fn api_keys(mut self, auth: Auth) -> Self {
        self.verification = self.verification.api_keys(auth);
        self
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

/// The inner service must be `Clone`, as those of axum and hyper are: a verification that waits calls it later.
impl<S> Layer<S> for AuthLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            verification: self.verification.clone(),
            required: self.required,
            grpc: self.grpc,
        }
    }
}
