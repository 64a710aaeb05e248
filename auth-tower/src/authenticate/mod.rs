//! The bearer door: an access token in, a [`Principal`](auth_core::Principal) out.

mod bearer;
mod future;
mod layer;
mod service;
mod verification;

use auth_core::Principal;
use http::Extensions;

pub(crate) use bearer::{authenticate, authenticate_any, bearer};
pub use future::AuthenticateFuture;
pub use layer::AuthLayer;
pub use service::Authenticate;
pub use verification::TokenVerification;

/// A machine that no guard has asked for yet: no handler sees it, and every guard that is about people refuses it.
#[derive(Debug, Clone)]
pub(crate) struct Unasked(pub(crate) Principal);

/// Tells the doors inside, and the handler, who is calling.
fn tell(extensions: &mut Extensions, caller: Principal) {
    if caller.session_id().is_some() {
        extensions.insert(caller);
    } else {
        extensions.insert(Unasked(caller));
    }
}
