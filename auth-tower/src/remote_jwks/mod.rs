//! Verifying for an issuer elsewhere: its public keys, fetched over HTTP and kept for a while.

mod builder;
mod cache;
mod error;
mod fetch;
mod issuer;
mod remote;

pub use builder::RemoteJwksBuilder;
pub use error::FetchError;
pub use remote::RemoteJwks;
