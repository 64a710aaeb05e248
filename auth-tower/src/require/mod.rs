//! The inner door: what the caller must be, once [`AuthLayer`](crate::AuthLayer) has found out who it is.

mod layer;
mod requirement;
mod service;

pub use layer::RequireLayer;
pub use service::Require;
