use std::{sync::Arc, time::Duration};

use auth_core::{Clock, TokenVerifier};

use super::FetchError;

/// Whose tokens these are, and how they are looked at.
pub(super) struct Issuer {
    pub(super) name: String,
    pub(super) audience: String,
    pub(super) leeway: Duration,
    pub(super) clock: Arc<dyn Clock>,
}

impl Issuer {
    pub(super) fn verifier(&self, json: &str) -> Result<TokenVerifier, FetchError> {
        let verifier = TokenVerifier::from_jwks(json, &self.name, &self.audience)
            .map_err(|error| FetchError::because("not usable", &error))?;
        Ok(verifier.leeway(self.leeway).clock(Arc::clone(&self.clock)))
    }
}
