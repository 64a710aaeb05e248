//! Requests of other origins: refused when they change state, answered with CORS headers when trusted.

mod future;
mod layer;
mod origin;
mod policy;
mod service;

pub use future::CrossOriginFuture;
pub use layer::CrossOriginLayer;
pub use policy::OriginPolicy;
pub use service::CrossOrigin;
