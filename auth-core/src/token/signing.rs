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
    algorithm: Algorithm,
    key_id: String,
    key: SigningKey,
}

impl Signer {
    pub(crate) fn new(algorithm: Algorithm, key_id: String, key: SigningKey) -> Result<Self, ConfigError> {
        let header = header(algorithm, &key_id, ACCESS_TYP)
            .map_err(|_| ConfigError::new("algorithm", "cannot be written into a header"))?;
        Ok(Self { header, algorithm, key_id, key })
    }

    /// The token of these claims, which are JSON.
    pub(crate) fn sign(&self, claims: &[u8]) -> Result<AccessToken, Unspecified> {
        Ok(AccessToken::new(self.join(&self.header, claims)?))
    }

    /// The same with another header `typ`, by which it is none of the tokens above.
    pub(crate) fn sign_as(&self, typ: &str, claims: &[u8]) -> Result<String, Unspecified> {
        self.join(&header(self.algorithm, &self.key_id, typ).map_err(|_| Unspecified)?, claims)
    }

    fn join(&self, header: &str, claims: &[u8]) -> Result<String, Unspecified> {
        let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

/// Encoded.
fn header(algorithm: Algorithm, key_id: &str, typ: &str) -> serde_json::Result<String> {
    let mut header = Header::new(algorithm.jwt());
    header.typ = Some(typ.to_owned());
    header.kid = Some(key_id.to_owned());
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?))
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
