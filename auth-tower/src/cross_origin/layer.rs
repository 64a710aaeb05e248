use tower_layer::Layer;

use super::{CrossOrigin, OriginPolicy};

/// Puts a host's own routes behind the same [`OriginPolicy`] that [`AuthService`](crate::AuthService) follows:
/// needed wherever a cookie of the host signs a request in.
///
/// Goes outside [`AuthLayer`](crate::AuthLayer): a preflight request carries no token.
#[derive(Debug, Clone)]
pub struct CrossOriginLayer {
    policy: OriginPolicy,
}

impl CrossOriginLayer {
    /// A layer for a policy, for example that of [`AuthService::origin_policy`](crate::AuthService::origin_policy).
    pub fn new(policy: OriginPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for CrossOriginLayer {
    type Service = CrossOrigin<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CrossOrigin { inner, policy: self.policy.clone() }
    }
}
