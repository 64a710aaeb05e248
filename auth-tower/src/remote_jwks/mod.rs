//! Verifying for an issuer elsewhere: its public keys, fetched over HTTP and kept for a while.

mod builder;
mod cache;
mod fetch;
mod remote;

use std::{sync::Arc, time::Duration};

use auth_core::{Clock, TokenVerifier};

pub use builder::RemoteJwksBuilder;
pub use fetch::FetchError;
pub use remote::RemoteJwks;

/// Whose tokens these are, and how they are looked at.
struct Issuer {
    name: String,
    audience: String,
    leeway: Duration,
    clock: Arc<dyn Clock>,
}

impl Issuer {
    fn verifier(&self, json: &str) -> Result<TokenVerifier, FetchError> {
        let verifier = TokenVerifier::from_jwks(json, &self.name, &self.audience)
            .map_err(|error| FetchError::because("not usable", &error))?;
        Ok(verifier.leeway(self.leeway).clock(Arc::clone(&self.clock)))
    }
}
