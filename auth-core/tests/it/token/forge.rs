//! Forged tokens, and every verifier that must refuse them.

use std::{ops::Deref, sync::Arc};

pub(crate) use auth_core::test_util::forge::{Signing, decode, encode, message, with, without};
use auth_core::{
    Algorithm, Error, Keys, PublicKey, TokenVerifier,
    test_util::{ManualClock, forge},
};
use auth_migration::test_util::TestDatabase;

use crate::support::{TestAuth, secret};

pub(crate) const RSA: &str = include_str!("pem/rsa3072_pkcs8.pem");
pub(crate) const P256: &str = include_str!("pem/p256_pkcs8.pem");
pub(crate) const ED25519: &str = include_str!("pem/ed25519.pem");

pub(crate) fn hmac(algorithm: Algorithm) -> Signing {
    Signing::hmac(algorithm, secret(1))
}

pub(crate) fn private(pem: &str) -> Signing {
    Signing::private(pem, secret(1))
}

pub(crate) fn asymmetric() -> [Signing; 3] {
    [RSA, P256, ED25519].map(private)
}

pub(crate) fn every() -> Vec<Signing> {
    let hmac = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512].map(hmac);
    hmac.into_iter().chain(asymmetric()).collect()
}

pub(crate) struct Forge {
    genuine: forge::Forge,
    pub(crate) clock: ManualClock,
    pub(crate) jwks: String,
}

impl Deref for Forge {
    type Target = forge::Forge;

    fn deref(&self) -> &Self::Target {
        &self.genuine
    }
}

impl Forge {
    pub(crate) async fn new(signing: Signing) -> Self {
        let db = TestDatabase::sqlite().await;
        let clock = ManualClock::new();
        let settings = |builder: auth_core::AuthBuilder| {
            builder.configure(|config| {
                config.tokens.issuer = "us".into();
                config.tokens.audience = "them".into();
            })
        };
        let test = TestAuth::instance(&db, signing.keys.clone(), &clock, 1, settings).await;
        let token = test.signed_in().await.access;
        test.auth.verifier().verify(token.expose()).unwrap();
        Self { genuine: forge::Forge::of(token.expose(), signing), clock, jwks: test.auth.jwks() }
    }

    pub(crate) async fn every() -> Vec<Self> {
        let mut forges = Vec::new();
        for signing in every() {
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
}

pub(crate) fn public(pem: &str) -> PublicKey {
    PublicKey::from_pem(pem).unwrap()
}
