use std::{sync::Arc, time::Duration};

use auth_core::Clock;
use tower_layer::Layer;

use super::{Require, requirement::Requirement};

/// Refuses callers that do not meet a requirement. Belongs inside an [`AuthLayer`](crate::AuthLayer); without
/// one there is never a principal, and everybody is refused.
///
/// What it knows of the caller is what that layer found out: a role taken away is gone when the token expires, after
/// the next poll or at once, as the layer [checks](crate::AuthLayer).
#[derive(Debug, Clone)]
pub struct RequireLayer {
    requirement: Requirement,
}

impl RequireLayer {
    /// Any signed-in user; 401 otherwise. For the routes inside an
    /// [`AuthLayer::optional`](crate::AuthLayer::optional) that are not optional.
    pub fn signed_in() -> Self {
        Self { requirement: Requirement::SignedIn }
    }

    /// A user with this role; 403 `forbidden` otherwise, 401 if nobody is signed in.
    pub fn role(role: impl Into<Arc<str>>) -> Self {
        Self::any_role([role])
    }

    /// A user with at least one of these roles; 403 `forbidden` otherwise, 401 if nobody is signed in. None of none: without
    /// any role here everybody is refused.
    ///
    /// For what several roles may do see the manual's page on [roles](auth_core::manual::roles).
    pub fn any_role<R: Into<Arc<str>>>(roles: impl IntoIterator<Item = R>) -> Self {
        Self { requirement: Requirement::AnyRole(roles.into_iter().map(R::into).collect()) }
    }

    /// A user who gave a password, or whatever proves them, at most `max_age` ago (ASVS 7.5.3): a refresh
    /// does not count. Otherwise 401 with `error="insufficient_user_authentication"` and `max_age`
    /// (RFC 9470), upon which a client asks for the password again.
    ///
    /// `clock` is best that of [`Auth::clock`](auth_core::Auth::clock).
    pub fn recent_sign_in(max_age: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { requirement: Requirement::RecentSignIn { max_age, clock } }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require { inner, requirement: self.requirement.clone() }
    }
}
