//! Everything that hangs on the keys and is made anew when they change.

use crate::{
    Config, ConfigError, Keys,
    throttle::DeviceKeys,
    token::{RefreshKeys, TokenIssuer, jwks},
};

/// What a process makes tokens with, and publishes. What verifies access tokens is replaced in the
/// [`TokenVerifier`](crate::TokenVerifier), which others hold too.
pub(crate) struct KeysInForce {
    pub(crate) issuer: TokenIssuer,
    pub(crate) refresh: RefreshKeys,
    pub(crate) devices: DeviceKeys,
    /// The public keys as a JWK set.
    pub(crate) jwks: String,
}

impl KeysInForce {
    pub(crate) fn new(keys: &Keys, config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            issuer: TokenIssuer::new(keys, config)?,
            refresh: RefreshKeys::new(keys)?,
            devices: DeviceKeys::new(keys)?,
            jwks: jwks::write(keys.public())?,
        })
    }
}
