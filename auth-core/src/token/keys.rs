//! Keys: one secret, everything derived from it, and the private key that may sign in its place.

use std::collections::HashSet;

use aws_lc_rs::hkdf;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    Algorithm, ConfigError, PrivateKey, PublicKey, SecretKey,
    token::{Signer, SigningKey, private_key},
};

/// The keys of a service: a secret, on which refresh tokens and every derived key hang, and what signs access
/// tokens, which is the secret itself (HS256 unless told otherwise), a [`PrivateKey`], or the key ring in the database.
///
/// Tokens made with what was in use before stay good as long as it is named here: secrets with
/// [`previous`](Self::previous), private keys with [`also_verify`](Self::also_verify), HS tokens of a service
/// that moves to a private key with [`also_verify_hmac`](Self::also_verify_hmac). The manual's page on
/// [keys](crate::manual::keys) has the order of steps by which no instance ever refuses a good token.
#[derive(Debug, Clone)]
pub struct Keys {
    algorithm: Algorithm,
    newest: SecretKey,
    previous: Vec<SecretKey>,
    private: Option<PrivateKey>,
    /// Where there is no private key.
    ring: bool,
    also: Vec<PublicKey>,
    also_hmac: Vec<Algorithm>,
}

impl Keys {
    /// One secret, HS256.
    pub fn new(secret: SecretKey) -> Self {
        Self {
            algorithm: Algorithm::default(),
            newest: secret,
            previous: Vec::new(),
            private: None,
            ring: false,
            also: Vec::new(),
            also_hmac: Vec::new(),
        }
    }

    /// Another algorithm. Anything but an HS algorithm needs the [`private_key`](Self::private_key) that goes
    /// with it.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Signs access tokens with this key and its algorithm, and no longer with the secret.
    pub fn private_key(mut self, key: PrivateKey) -> Self {
        self.algorithm = key.algorithm();
        self.private = Some(key);
        self.ring = false;
        self
    }

    /// Signs access tokens with the [key ring](crate::KeyRing) in the database, whose first key is made for this
    /// algorithm if there is none yet. Then [`Auth::poll_keys`](crate::Auth::poll_keys) is called once before the first
    /// sign-in, and [`Auth::run_background`](crate::Auth::run_background) runs in a task.
    pub fn key_ring(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
        self.private = None;
        self.ring = true;
        self
    }

    /// A secret that still verifies, but makes nothing any more. May be called several times. Keep it for
    /// [`session_ttl`](crate::SessionConfig::session_ttl): refresh tokens hang on it.
    pub fn previous(mut self, secret: SecretKey) -> Self {
        self.previous.push(secret);
        self
    }

    /// A key whose tokens are accepted, and which is published, though it does not sign: the one before, or
    /// the one to come. May be called several times. Keep a former one for
    /// [`access_ttl`](crate::TokenConfig::access_ttl).
    pub fn also_verify(mut self, key: PublicKey) -> Self {
        self.also.push(key);
        self
    }

    /// Accepts tokens that the secrets signed with this HS algorithm, for a service that moves from it to a
    /// private key (or to another HS algorithm) and until [`access_ttl`](crate::TokenConfig::access_ttl) after.
    pub fn also_verify_hmac(mut self, algorithm: Algorithm) -> Self {
        self.also_hmac.push(algorithm);
        self
    }

    /// The secret that everything new is made with.
    pub(crate) fn newest(&self) -> &SecretKey {
        &self.newest
    }

    /// Newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.newest).chain(&self.previous)
    }

    /// How many secrets, keys and algorithms are accepted beside those in use.
    pub(crate) fn others(&self) -> usize {
        self.previous.len() + self.also.len() + self.also_hmac.len()
    }

    /// What signs access tokens; `None`: the ring.
    pub(crate) fn signer(&self) -> Result<Option<Signer>, ConfigError> {
        self.validate()?;
        let (id, key) = match &self.private {
            _ if self.ring => return Ok(None),
            Some(key) => (key.public_key().id().to_owned(), SigningKey::Private(key.clone())),
            None => (key_id(&self.newest, self.algorithm)?, SigningKey::hmac(self.algorithm, &self.newest)),
        };
        Signer::new(self.algorithm, id, key).map(Some)
    }

    /// The algorithm for the first key of the ring, if the ring signs.
    pub(crate) fn ring_algorithm(&self) -> Option<Algorithm> {
        self.ring.then_some(self.algorithm)
    }

    /// The HS algorithms that the secrets verify: none when a private key signs and no move is under way.
    pub(crate) fn hmac_algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let signing = Some(self.algorithm).filter(|algorithm| algorithm.is_hmac());
        signing.into_iter().chain(self.also_hmac.iter().copied())
    }

    /// The keys that verify and may be published, each once, the signing one first.
    pub(crate) fn public(&self) -> impl Iterator<Item = &PublicKey> {
        let signing = self.private.as_ref().map(PrivateKey::public_key);
        let all = signing.into_iter().chain(&self.also);
        let mut seen = HashSet::new();
        all.filter(move |key| seen.insert(key.id()))
    }

    /// Refuses what would only fail, or be weak, later.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |problem| Err(ConfigError::new(private_key::SETTING, problem));
        let algorithm = self.algorithm;
        match &self.private {
            None if self.ring && algorithm.is_hmac() => {
                let problem =
                    format!("{algorithm} signs with the secret key and has no use for the key ring");
                return Err(ConfigError::new("algorithm", problem));
            }
            None if self.ring => {}
            None if !algorithm.is_hmac() => return refuse(format!("is missing; {algorithm} signs with one")),
            Some(_) if algorithm.is_hmac() => {
                return refuse(format!("has no use with {algorithm}, which signs with the secret key"));
            }
            Some(key) if key.algorithm() != algorithm => {
                return refuse(format!("is one for {}; {algorithm} needs another kind", key.algorithm()));
            }
            _ => {}
        }
        if let Some(other) = self.also_hmac.iter().find(|algorithm| !algorithm.is_hmac()) {
            let problem =
                format!("{other} cannot be verified with the secret key; name its public key instead");
            return Err(ConfigError::new("algorithm", problem));
        }
        let newest = self.newest.expose().len();
        let too_short = |algorithm: Algorithm| {
            let needed = algorithm.min_secret_bytes();
            let problem = format!("has {newest} bytes; {algorithm} needs at least {needed}");
            Err(ConfigError::new("secret key", problem))
        };
        if !algorithm.may_use(&self.newest) {
            return too_short(algorithm);
        }
        let idle =
            self.hmac_algorithms().find(|algorithm| !self.all().any(|secret| algorithm.may_use(secret)));
        idle.map_or(Ok(()), too_short)
    }
}

/// A key for one purpose, derived from the secret (HKDF-SHA-256, RFC 5869): keys of different purposes tell
/// nothing about each other or about the secret.
pub(crate) fn derive<const N: usize>(
    secret: &SecretKey,
    purpose: &'static str,
) -> Result<Zeroizing<[u8; N]>, ConfigError> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut key = Zeroizing::new([0; N]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"auth-core")
        .extract(secret.expose())
        .expand(&[purpose.as_bytes()], Length(N))
        .and_then(|derived| derived.fill(key.as_mut()))
        .map_err(|_| ConfigError::new("secret key", "cannot be used to derive keys"))?;
    Ok(key)
}

/// The `kid` of an HS key: enough to pick the right secret and algorithm, and nothing to guess the secret from
/// that a signature would not give as well.
pub(crate) fn key_id(secret: &SecretKey, algorithm: Algorithm) -> Result<String, ConfigError> {
    let purpose = match algorithm {
        Algorithm::Hs384 => "access token key id HS384",
        Algorithm::Hs512 => "access token key id HS512",
        Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa => "access token key id",
    };
    Ok(URL_SAFE_NO_PAD.encode(*derive::<9>(secret, purpose)?))
}
