//! The private key that signs access tokens.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use zeroize::Zeroizing;

use crate::{
    Algorithm, ConfigError,
    token::{
        pem::{self, Block, Form},
        public_key::{Material, PublicKey},
    },
};

/// A private key that signs access tokens. Its kind is the algorithm: an RSA key signs RS256, one on P-256
/// ES256, an Ed25519 key EdDSA.
///
/// ```
/// # use auth_core::{Algorithm, Keys, PrivateKey, SecretKey};
/// let key = PrivateKey::generate(Algorithm::EdDsa)?;
/// let again = PrivateKey::from_pem(&key.expose_pem())?;
/// assert_eq!(again.public_key(), key.public_key());
/// let keys = Keys::new(SecretKey::new("0123456789abcdef0123456789abcdef")?).private_key(key);
/// # Ok::<(), auth_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct PrivateKey {
    pair: Pair,
    pkcs8: Zeroizing<Vec<u8>>,
    public: PublicKey,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    P256(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

pub(crate) const SETTING: &str = "private key";

impl PrivateKey {
    /// Reads an unencrypted key in PEM: PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC 1
    /// (`EC PRIVATE KEY`).
    ///
    /// # Errors
    /// [`ConfigError`] when the text is no private key, is encrypted, is an RSA key of fewer than 2048 bits,
    ///  or is on a curve other than P-256 and Ed25519. It never repeats the text.
    pub fn from_pem(pem: &str) -> Result<Self, ConfigError> {
        Self::from_block(&pem::read(pem, SETTING)?)
    }

    pub(crate) fn from_block(block: &Block) -> Result<Self, ConfigError> {
        let der = &block.der;
        match (block.form, kind_of(der)) {
            (Form::Public, _) => Err(refuse("is a public key; the private one is needed")),
            (Form::Pkcs1, _) => Self::rsa(RsaKeyPair::from_der(der).map_err(rejected)?),
            (Form::Pkcs8, Kind::Rsa) => Self::rsa(RsaKeyPair::from_pkcs8(der).map_err(rejected)?),
            (Form::Pkcs8, Kind::P256) | (Form::Sec1, _) => {
                let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(
                    |_| refuse("is not a good key on the curve P-256 (prime256v1), which ES256 needs"),
                )?;
                Self::p256(key)
            }
            (Form::Pkcs8, Kind::Ed25519) => Self::ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(rejected)?),
            (Form::Pkcs8, Kind::Other) => {
                Err(refuse("is of a kind that cannot be used; RSA, P-256 and Ed25519 can"))
            }
        }
    }

    /// Makes a new key: RSA of 3072 bits, P-256 or Ed25519. An RSA key takes a second or so.
    ///
    /// # Errors
    /// [`ConfigError`] for an HS algorithm, which signs with the secret, and when the random source fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, ConfigError> {
        let failed = |_| refuse("cannot be made: the random source failed");
        match algorithm {
            Algorithm::Rs256 => Self::rsa(RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?),
            Algorithm::Es256 => {
                Self::p256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?)
            }
            Algorithm::EdDsa => Self::ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                Err(refuse(&format!("cannot be made for {algorithm}, which signs with the secret key")))
            }
        }
    }

    fn rsa(key: RsaKeyPair) -> Result<Self, ConfigError> {
        let public = key.public_key();
        let public = PublicKey::new(
            Material::Rsa {
                n: public.modulus().big_endian_without_leading_zero().to_vec(),
                e: public.exponent().big_endian_without_leading_zero().to_vec(),
            },
            SETTING,
        )?;
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| refuse("cannot be encoded"))?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok(Self { pair: Pair::Rsa(Arc::new(key)), pkcs8, public })
    }

    fn p256(key: EcdsaKeyPair) -> Result<Self, ConfigError> {
        let public = PublicKey::new(Material::p256(key.public_key().as_ref(), SETTING)?, SETTING)?;
        let pkcs8 = key.to_pkcs8v1().map_err(|_| refuse("cannot be encoded"))?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok(Self { pair: Pair::P256(Arc::new(key)), pkcs8, public })
    }

    fn ed25519(key: Ed25519KeyPair) -> Result<Self, ConfigError> {
        let public = PublicKey::new(Material::ed25519(key.public_key().as_ref(), SETTING)?, SETTING)?;
        let pkcs8 = key.to_pkcs8v1().map_err(|_| refuse("cannot be encoded"))?;
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        Ok(Self { pair: Pair::Ed25519(Arc::new(key)), pkcs8, public })
    }

    /// The algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The half that may be published.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The key itself in PEM (PKCS#8, unencrypted). Every call of this method is a place to look at in a
    /// review.
    pub fn expose_pem(&self) -> Zeroizing<String> {
        pem::write_pkcs8(&self.pkcs8)
    }

    /// The key itself (RFC 5958), to be encrypted.
    pub(crate) fn expose_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The random source is a formality of the library's: it draws by itself where it needs to.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match &self.pair {
            Pair::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
            Pair::P256(key) => Ok(key.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Pair::Ed25519(key) => Ok(key.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {}, redacted)", self.algorithm(), self.public.id())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Rsa,
    P256,
    Ed25519,
    Other,
}

/// By the object identifier at the head of a PKCS#8 document; only to choose the parser, which then judges.
fn kind_of(pkcs8: &[u8]) -> Kind {
    const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
    let head = pkcs8.get(..24).unwrap_or(pkcs8);
    let has = |oid: &[u8]| head.windows(oid.len()).any(|part| part == oid);
    match () {
        () if has(RSA) => Kind::Rsa,
        () if has(EC) => Kind::P256,
        () if has(ED25519) => Kind::Ed25519,
        () => Kind::Other,
    }
}

fn refuse(problem: &str) -> ConfigError {
    ConfigError::new(SETTING, problem)
}

/// The reason is one of the library's fixed words.
fn rejected(reason: aws_lc_rs::error::KeyRejected) -> ConfigError {
    refuse(&format!("is refused ({reason}); RSA keys need 2048 to 8192 bits"))
}
