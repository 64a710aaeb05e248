use auth_core::{Auth, TokenVerifier};
use tower_layer::Layer;

use super::Authenticate;

/// Verifies the bearer token of each request and puts the [`Principal`](auth_core::Principal) into the
/// request's extensions. A bad token is always refused: 401 with RFC 6750's `WWW-Authenticate`.
///
/// How soon a revocation takes effect, be it a logout, a disabled user or a role taken away, and what that costs, is
/// for the host to choose, layer by layer:
///
/// | way | made by | takes effect | cost of a request |
/// | --- | --- | --- | --- |
/// | stateless | `AuthLayer::required(auth.verifier())` | when the token expires, 15 minutes by default | nothing |
/// | bounded | `AuthLayer::required(auth.verifier().bounded(auth.revocations()))` | after the next poll of [`Auth::watch_revocations`], a second or so; at once in the process that did it | nothing; a poll is three SELECTs |
/// | strict | `AuthLayer::required(auth.verifier()).strict(auth)` | at once | one SELECT |
///
/// While the database is away, a stateless check goes on, a bounded one goes on with what it knows (or, once that is
/// older than [`Config::revocation_max_age`](auth_core::Config::revocation_max_age), answers 503 `unavailable`), and a
/// strict one answers 503. Never 401: the token may be good.
///
/// ```
/// # use auth_core::Auth;
/// use auth_tower::{AuthLayer, RequireLayer};
/// use axum::{Router, routing::get};
///
/// # fn routes(auth: Auth) -> Router {
/// let payouts = Router::new()
///     .route("/payouts", get(async || "for admins of this moment"))
///     .layer(RequireLayer::role("admin")) // inside: runs second
///     .layer(AuthLayer::required(auth.verifier()).strict(auth.clone())); // outside: runs first
/// let reports = Router::new()
///     .route("/reports", get(async || "for all who are signed in"))
///     .layer(AuthLayer::required(auth.verifier().bounded(auth.revocations())));
/// payouts.merge(reports)
/// # }
/// ```
#[derive(Clone)]
pub struct AuthLayer {
    verifier: TokenVerifier,
    required: bool,
    strict: Option<Auth>,
}

impl AuthLayer {
    /// Refuses requests without a token, too.
    pub fn required(verifier: TokenVerifier) -> Self {
        Self { verifier, required: true, strict: None }
    }

    /// Lets requests without a token pass, without a `Principal`.
    pub fn optional(verifier: TokenVerifier) -> Self {
        Self { verifier, required: false, strict: None }
    }

    /// Also reads the session of each request that carries a good token
    /// ([`Auth::check_session`]): what has ended is refused at once, and the principal has the roles of this moment.
    pub fn strict(mut self, auth: Auth) -> Self {
        self.strict = Some(auth);
        self
    }
}

/// The inner service must be `Clone`, as those of axum and hyper are: a strict check calls it later.
impl<S> Layer<S> for AuthLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            verifier: self.verifier.clone(),
            required: self.required,
            strict: self.strict.clone(),
        }
    }
}

impl std::fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthLayer")
            .field("required", &self.required)
            .field("strict", &self.strict.is_some())
            .finish_non_exhaustive()
    }
}
