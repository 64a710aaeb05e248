//! A genuine token, taken apart, to be changed and signed again with the genuine key.

use std::sync::Arc;

use auth_core::{Algorithm, Error, Keys, PrivateKey, PublicKey, TokenVerifier, test_util::ManualClock};
use auth_migration::test_util::TestDatabase;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::Value;

use crate::support::{TestAuth, keys, secret};

pub(crate) const RSA: &str = include_str!("pem/rsa3072_pkcs8.pem");
pub(crate) const P256: &str = include_str!("pem/p256_pkcs8.pem");
pub(crate) const ED25519: &str = include_str!("pem/ed25519.pem");

/// One way to sign: our keys, and the same key in the hands of somebody who signs what we never would.
#[derive(Clone)]
pub(crate) struct Signing {
    pub(crate) algorithm: Algorithm,
    pub(crate) keys: Keys,
    pub(crate) key: EncodingKey,
    pub(crate) jwt: jsonwebtoken::Algorithm,
}

impl Signing {
    pub(crate) fn hmac(algorithm: Algorithm) -> Self {
        let jwt = match algorithm {
            Algorithm::Hs384 => jsonwebtoken::Algorithm::HS384,
            Algorithm::Hs512 => jsonwebtoken::Algorithm::HS512,
            _ => jsonwebtoken::Algorithm::HS256,
        };
        let key = EncodingKey::from_secret(secret(1).expose());
        Self { algorithm, keys: keys().algorithm(algorithm), key, jwt }
    }

    pub(crate) fn private(pem: &str) -> Self {
        let private = PrivateKey::from_pem(pem).unwrap();
        let (key, jwt) = match private.algorithm() {
            Algorithm::Rs256 => (EncodingKey::from_rsa_pem(pem.as_bytes()), jsonwebtoken::Algorithm::RS256),
            Algorithm::Es256 => (EncodingKey::from_ec_pem(pem.as_bytes()), jsonwebtoken::Algorithm::ES256),
            _ => (EncodingKey::from_ed_pem(pem.as_bytes()), jsonwebtoken::Algorithm::EdDSA),
        };
        Self { algorithm: private.algorithm(), keys: keys().private_key(private), key: key.unwrap(), jwt }
    }

    pub(crate) fn asymmetric() -> [Self; 3] {
        [RSA, P256, ED25519].map(Self::private)
    }

    pub(crate) fn every() -> Vec<Self> {
        let hmac = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512].map(Self::hmac);
        hmac.into_iter().chain(Self::asymmetric()).collect()
    }

    /// The base64url signature of these bytes.
    pub(crate) fn sign(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.jwt).unwrap()
    }
}

pub(crate) struct Forge {
    pub(crate) signing: Signing,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) clock: ManualClock,
    pub(crate) jwks: String,
}

impl Forge {
    pub(crate) async fn new(signing: Signing) -> Self {
        let db = TestDatabase::sqlite().await;
        let clock = ManualClock::new();
        let settings = |builder: auth_core::AuthBuilder| builder.issuer("us").audience("them");
        let test = TestAuth::instance(&db, signing.keys.clone(), &clock, 1, settings).await;
        let token = test.signed_in().await.access.expose().to_owned();
        test.auth.verifier().verify(&token).unwrap();
        let part = |n| serde_json::from_slice(&decode(token.split('.').nth(n).unwrap())).unwrap();
        Self { header: part(0), claims: part(1), clock, jwks: test.auth.jwks(), signing }
    }

    pub(crate) async fn every() -> Vec<Self> {
        let mut forges = Vec::new();
        for signing in Signing::every() {
            forges.push(Self::new(signing).await);
        }
        forges
    }

    pub(crate) fn verifier(&self) -> TokenVerifier {
        self.verifier_with(&self.signing.keys)
    }

    pub(crate) fn verifier_with(&self, keys: &Keys) -> TokenVerifier {
        TokenVerifier::new(keys, "us", "them").unwrap().clock(Arc::new(self.clock.clone()))
    }

    /// Our own, and, where there is a public key, that of another service.
    fn verifiers(&self) -> Vec<TokenVerifier> {
        let mut verifiers = vec![self.verifier()];
        if !self.signing.algorithm.is_hmac() {
            let other = TokenVerifier::from_jwks(&self.jwks, "us", "them").unwrap();
            verifiers.push(other.clock(Arc::new(self.clock.clone())));
        }
        verifiers
    }

    #[track_caller]
    pub(crate) fn accepts(&self, token: &str) {
        for verifier in self.verifiers() {
            verifier.verify(token).unwrap();
        }
    }

    #[track_caller]
    pub(crate) fn refuses(&self, what: &str, token: &str) {
        for verifier in self.verifiers() {
            let verified = verifier.verify(token);
            assert!(matches!(verified, Err(Error::InvalidToken)), "{}: {what}", self.signing.algorithm);
        }
    }

    pub(crate) fn token(&self) -> String {
        self.sign(&self.header, &self.claims)
    }

    /// Signed with the genuine key.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        format!("{message}.{}", self.signing.sign(&message))
    }

    pub(crate) fn with_header(&self, name: &str, value: Value) -> String {
        self.sign(&with(&self.header, name, value), &self.claims)
    }

    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        self.sign(&self.header, &with(&self.claims, name, value))
    }
}

pub(crate) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string()), encode(claims.to_string()))
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

pub(crate) fn with(base: &Value, name: &str, value: Value) -> Value {
    let mut changed = base.clone();
    changed[name] = value;
    changed
}

pub(crate) fn without(base: &Value, name: &str) -> Value {
    let mut changed = base.clone();
    changed.as_object_mut().unwrap().remove(name).unwrap();
    changed
}

pub(crate) fn public(pem: &str) -> PublicKey {
    PublicKey::from_pem(pem).unwrap()
}
