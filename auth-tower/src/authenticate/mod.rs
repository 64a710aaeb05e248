//! The bearer door: an access token in, a [`Principal`](auth_core::Principal) out.

mod bearer;
mod future;
mod layer;
mod service;
mod verification;

pub(crate) use bearer::authenticate;
pub use future::AuthenticateFuture;
pub use layer::AuthLayer;
pub use service::Authenticate;
pub use verification::TokenVerification;
