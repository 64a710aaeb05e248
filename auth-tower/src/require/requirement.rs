use std::{fmt, sync::Arc, time::Duration};

use auth_core::{Clock, Principal};
use http::Extensions;

use crate::problem::Problem;

#[derive(Clone)]
pub(super) enum Requirement {
    SignedIn,
    AnyRole(Arc<[Arc<str>]>),
    RecentSignIn { max_age: Duration, clock: Arc<dyn Clock> },
}

impl Requirement {
    /// Closed unless the requirement is met; without a principal it never is.
    pub(super) fn check(&self, extensions: &Extensions) -> Result<(), Problem> {
        let principal = extensions.get::<Principal>().ok_or_else(Problem::unauthenticated)?;
        match self {
            Self::SignedIn => Ok(()),
            Self::AnyRole(roles) if roles.iter().any(|role| principal.has_role(role)) => Ok(()),
            Self::AnyRole(_) => Err(Problem::forbidden()),
            Self::RecentSignIn { max_age, clock } => {
                // A sign-in ahead of this clock was made by a server whose clock runs faster: it is recent.
                let age = clock.now().duration_since(principal.authenticated_at()).unwrap_or_default();
                if age <= *max_age { Ok(()) } else { Err(Problem::sign_in_too_old(*max_age)) }
            }
        }
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedIn => f.write_str("SignedIn"),
            Self::AnyRole(roles) => f.debug_tuple("AnyRole").field(roles).finish(),
            Self::RecentSignIn { max_age, .. } => f.debug_tuple("RecentSignIn").field(max_age).finish(),
        }
    }
}
