//! The bearer door: an access token in, a [`Principal`](auth_core::Principal) out.

mod bearer;
mod check;
mod future;
mod layer;
mod service;

pub(crate) use bearer::authenticate;
pub use check::TokenCheck;
pub use future::AuthenticateFuture;
pub use layer::AuthLayer;
pub use service::Authenticate;
