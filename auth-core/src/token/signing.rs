//! What signs access tokens: keys that are parsed once. jsonwebtoken would parse them anew for each token, which
//! makes a signature by RS256 four times as slow.

use aws_lc_rs::{error::Unspecified, hmac};

use crate::{Algorithm, PrivateKey, SecretKey};

/// A key with its algorithm.
#[expect(clippy::large_enum_variant, reason = "a process has one of them")]
pub(crate) enum SigningKey {
    /// The secret itself (RFC 7518 section 3.2).
    Hmac(hmac::Key),
    /// A private key.
    Private(PrivateKey),
}

impl SigningKey {
    /// For an HS algorithm; another one signs with a private key and never comes here.
    pub(crate) fn hmac(algorithm: Algorithm, secret: &SecretKey) -> Self {
        let digest = match algorithm {
            Algorithm::Hs384 => hmac::HMAC_SHA384,
            Algorithm::Hs512 => hmac::HMAC_SHA512,
            Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => hmac::HMAC_SHA256,
        };
        Self::Hmac(hmac::Key::new(digest, secret.expose()))
    }

    /// The signature in the form of JWS (RFC 7518 section 3, RFC 8037 section 3.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Private(key) => key.sign(message),
        }
    }
}
