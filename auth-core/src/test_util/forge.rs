//! A genuine access token, taken apart, to be changed and signed again. With its own signer and not ours, so that what
//! is tested does not also make the tests.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::Value;

use crate::{Algorithm, Keys, PrivateKey, SecretKey};

/// One way to sign: our keys, and the same key in the hands of somebody who signs what we never would.
#[derive(Clone)]
pub struct Signing {
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// What the server has.
    pub keys: Keys,
    key: EncodingKey,
}

impl Signing {
    /// An HS algorithm with this secret.
    pub fn hmac(algorithm: Algorithm, secret: SecretKey) -> Self {
        let key = EncodingKey::from_secret(secret.expose());
        Self { algorithm, keys: Keys::new(secret).algorithm(algorithm), key }
    }

    /// A private key in PEM, beside this secret.
    ///
    /// # Panics
    /// When it is none that the server could use.
    pub fn private(pem: &str, secret: SecretKey) -> Self {
        let private = PrivateKey::from_pem(pem).expect("a private key");
        let algorithm = private.algorithm();
        Self { algorithm, keys: Keys::new(secret).private_key(private), key: parse(algorithm, pem) }
    }

    /// The same with another key in PEM of the same kind, however weak; the server does not know it.
    ///
    /// # Panics
    /// When it is of another kind.
    pub fn with_key(self, pem: &str) -> Self {
        Self { key: parse(self.algorithm, pem), ..self }
    }

    /// The base64url signature of these bytes.
    ///
    /// # Panics
    /// Never with a key that was accepted.
    pub fn sign(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm.jwt()).expect("a signature")
    }
}

fn parse(algorithm: Algorithm, pem: &str) -> EncodingKey {
    match algorithm {
        Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        Algorithm::Es256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_ed_pem(pem.as_bytes()),
    }
    .expect("a key of this kind")
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signing({})", self.algorithm)
    }
}

/// The parts of a token, and the key that signed it.
#[derive(Debug, Clone)]
pub struct Forge {
    /// What signs.
    pub signing: Signing,
    /// The first part.
    pub header: Value,
    /// The second part.
    pub claims: Value,
}

impl Forge {
    /// Takes a genuine token apart.
    ///
    /// # Panics
    /// When it is no JWT.
    pub fn of(token: &str, signing: Signing) -> Self {
        let mut parts =
            token.split('.').map(|part| serde_json::from_slice(&decode(part)).unwrap_or_default());
        let mut next = || parts.next().expect("three parts");
        Self { signing, header: next(), claims: next() }
    }

    /// The token as it was, signed anew.
    pub fn token(&self) -> String {
        self.sign(&self.header, &self.claims)
    }

    /// Signed with the genuine key.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.signed_by(&self.signing, header, claims)
    }

    /// Signed with another key.
    pub fn signed_by(&self, signing: &Signing, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        format!("{message}.{}", signing.sign(&message))
    }

    /// With another member in the header, and a good signature.
    pub fn with_header(&self, name: &str, value: Value) -> String {
        self.sign(&with(&self.header, name, value), &self.claims)
    }

    /// With another claim, and a good signature.
    pub fn with_claim(&self, name: &str, value: Value) -> String {
        self.sign(&self.header, &with(&self.claims, name, value))
    }
}

/// What a JWS signature is over.
pub fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

/// base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Back.
///
/// # Panics
/// When it is no base64url.
pub fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// A copy with this member.
///
/// # Panics
/// When `base` is no object.
pub fn with(base: &Value, name: &str, value: Value) -> Value {
    let mut changed = base.clone();
    changed.as_object_mut().expect("an object").insert(name.to_owned(), value);
    changed
}

/// A copy without this member.
///
/// # Panics
/// When it has none of that name.
pub fn without(base: &Value, name: &str) -> Value {
    let mut changed = base.clone();
    changed.as_object_mut().and_then(|object| object.remove(name)).expect("a member of this name");
    changed
}
