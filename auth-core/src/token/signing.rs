//! What signs access tokens: keys that are parsed once. jsonwebtoken would parse them anew for each token, which
//! makes a signature by RS256 four times as slow.

use aws_lc_rs::{error::Unspecified, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Header;

use crate::{AccessToken, Algorithm, ConfigError, PrivateKey, SecretKey, token::claims::ACCESS_TYP};

/// A key with the header of all its tokens.
pub(crate) struct Signer {
    /// Encoded.
    header: String,
    key: SigningKey,
}

impl Signer {
    pub(crate) fn new(algorithm: Algorithm, key_id: String, key: SigningKey) -> Result<Self, ConfigError> {
        let mut header = Header::new(algorithm.jwt());
        header.typ = Some(ACCESS_TYP.to_owned());
        header.kid = Some(key_id);
        let header = serde_json::to_vec(&header)
            .map_err(|_| ConfigError::new("algorithm", "cannot be written into a header"))?;
        Ok(Self { header: URL_SAFE_NO_PAD.encode(header), key })
    }

    /// The token of these claims, which are JSON.
    pub(crate) fn sign(&self, claims: &[u8]) -> Result<AccessToken, Unspecified> {
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(AccessToken::new(token))
    }
}

/// A key with its algorithm.
#[expect(clippy::large_enum_variant, reason = "a process has a few of them")]
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
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Private(key) => key.sign(message),
        }
    }
}
