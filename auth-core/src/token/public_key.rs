//! The public half of a key: what other services verify with, and what may be published.

use std::fmt;

use aws_lc_rs::{
    digest,
    signature::{
        ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::Serialize;

use crate::{
    Algorithm, ConfigError, PrivateKey,
    token::pem::{self, Block, Form},
};

/// A public key that access tokens are verified with. There is no way to put a secret into one.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: String,
    material: Material,
}

/// The numbers, checked by [`PublicKey::new`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The coordinates of the point.
    P256 { x: [u8; 32], y: [u8; 32] },
    /// The encoded point (RFC 8032).
    Ed25519([u8; 32]),
}

const SETTING: &str = "public key";

/// What most services have. Fewer than [`SHORT_RSA_BITS`] are told.
const MIN_RSA_BITS: usize = 2048;
/// 128 bits of strength (ASVS 11.2.3, NIST SP 800-57 part 1 table 2); 2048 bits give 112.
const SHORT_RSA_BITS: usize = 3072;
const MAX_RSA_BITS: usize = 8192;

impl Material {
    /// From an uncompressed point (SEC 1 section 2.3.3).
    pub(crate) fn p256(point: &[u8], setting: &'static str) -> Result<Self, ConfigError> {
        let coordinates = || {
            let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
            Some(Self::P256 { x: x.try_into().ok()?, y: y.try_into().ok()? })
        };
        coordinates().ok_or_else(|| ConfigError::new(setting, "is not an uncompressed point on P-256"))
    }

    pub(crate) fn ed25519(point: &[u8], setting: &'static str) -> Result<Self, ConfigError> {
        let point = point.try_into().map_err(|_| ConfigError::new(setting, "is not an Ed25519 key"))?;
        Ok(Self::Ed25519(point))
    }

    fn point(x: &[u8; 32], y: &[u8; 32]) -> Vec<u8> {
        [&[4], x.as_slice(), y].concat()
    }

    fn validate(&self, setting: &'static str) -> Result<(), ConfigError> {
        let refuse = |problem: String| Err(ConfigError::new(setting, problem));
        match self {
            Self::Rsa { n, e } => {
                let bits = bits(n);
                if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
                    return refuse(format!(
                        "is an RSA key of {bits} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are needed"
                    ));
                }
                let key = RsaPublicKeyComponents { n, e };
                // The library checks the exponent only when the key is used or encoded again.
                let der = key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                match der.map(|key| aws_lc_rs::rsa::PublicKey::from_der(key.as_ref())) {
                    Ok(Ok(_)) => Ok(()),
                    _ => refuse("is not an RSA key".to_owned()),
                }
            }
            Self::P256 { x, y } => match ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, Self::point(x, y)) {
                Ok(_) => Ok(()),
                Err(_) => refuse("is not a point on P-256".to_owned()),
            },
            Self::Ed25519(_) => Ok(()),
        }
    }
}

impl PublicKey {
    pub(crate) fn new(material: Material, setting: &'static str) -> Result<Self, ConfigError> {
        material.validate(setting)?;
        let id = thumbprint(&material).ok_or_else(|| ConfigError::new(setting, "cannot be encoded"))?;
        Ok(Self { id, material })
    }

    /// Reads a public key in PEM (`PUBLIC KEY`). Of a private key, the public half is taken and the rest
    /// forgotten.
    ///
    /// # Errors
    /// [`ConfigError`] as for [`PrivateKey::from_pem`].
    pub fn from_pem(text: &str) -> Result<Self, ConfigError> {
        Self::from_block(&pem::read(text, SETTING)?)
    }

    /// Reads all keys of a text, at least one.
    ///
    /// # Errors
    /// As for [`from_pem`](Self::from_pem).
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, ConfigError> {
        pem::read_all(text, SETTING)?.iter().map(Self::from_block).collect()
    }

    fn from_block(block: &Block) -> Result<Self, ConfigError> {
        // What precedes the point in a `SubjectPublicKeyInfo` of its curve (RFC 5480, RFC 8410).
        const P256: &[u8] = &[
            0x30, 0x59, 0x30, 0x13, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 3, 1, 7, 0x03, 0x42, 0,
        ];
        const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

        if block.form != Form::Public {
            return Ok(PrivateKey::from_block(block)?.public_key().clone());
        }
        let material = if let Some(point) = block.der.strip_prefix(P256) {
            Material::p256(point, SETTING)?
        } else if let Some(point) = block.der.strip_prefix(ED25519) {
            Material::ed25519(point, SETTING)?
        } else {
            let key = aws_lc_rs::rsa::PublicKey::from_der(&block.der).map_err(|_| {
                ConfigError::new(SETTING, "is of a kind that cannot be used; RSA, P-256 and Ed25519 can")
            })?;
            Material::Rsa {
                n: key.modulus().big_endian_without_leading_zero().to_vec(),
                e: key.exponent().big_endian_without_leading_zero().to_vec(),
            }
        };
        Self::new(material, SETTING)
    }

    /// The bits of an RSA key that has fewer than it should.
    pub(crate) fn short_rsa_bits(&self) -> Option<usize> {
        match &self.material {
            Material::Rsa { n, .. } => Some(bits(n)).filter(|bits| *bits < SHORT_RSA_BITS),
            Material::P256 { .. } | Material::Ed25519(_) => None,
        }
    }

    /// The `kid` of its tokens: the SHA-256 thumbprint of the key (RFC 7638).
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The algorithm of the tokens that it verifies.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256 { .. } => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    pub(crate) fn decoding(&self) -> DecodingKey {
        match &self.material {
            Material::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
            Material::P256 { x, y } => DecodingKey::from_ec_der(&Material::point(x, y)),
            Material::Ed25519(point) => DecodingKey::from_ed_der(point),
        }
    }

    /// This key in a JWK set.
    pub(crate) fn jwk(&self) -> Jwk<'_> {
        Jwk {
            kid: &self.id,
            usage: "sig",
            alg: self.algorithm().name(),
            members: Members::of(&self.material),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm(), self.id)
    }
}

fn bits(modulus: &[u8]) -> usize {
    let leading = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    (modulus.len() * 8).saturating_sub(leading)
}

/// The SHA-256 thumbprint (RFC 7638 section 3).
fn thumbprint(material: &Material) -> Option<String> {
    let members = serde_json::to_vec(&Members::of(material)).ok()?;
    Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &members)))
}

/// A public key as JSON (RFC 7517).
#[derive(Serialize)]
pub(crate) struct Jwk<'a> {
    kid: &'a str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    #[serde(flatten)]
    members: Members,
}

/// The members that make the thumbprint, in its order (RFC 7638 section 3.2, RFC 8037 section 2).
#[derive(Serialize)]
#[serde(untagged)]
enum Members {
    Rsa { e: String, kty: &'static str, n: String },
    P256 { crv: &'static str, kty: &'static str, x: String, y: String },
    Ed25519 { crv: &'static str, kty: &'static str, x: String },
}

impl Members {
    fn of(material: &Material) -> Self {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match material {
            Material::Rsa { n, e } => Self::Rsa { e: text(e), kty: "RSA", n: text(n) },
            Material::P256 { x, y } => Self::P256 { crv: "P-256", kty: "EC", x: text(x), y: text(y) },
            Material::Ed25519(x) => Self::Ed25519 { crv: "Ed25519", kty: "OKP", x: text(x) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7638 section 3.1 and RFC 8037 appendix A.3. The former is the shortest that is taken.
    #[test]
    fn the_thumbprint_is_that_of_the_rfcs() {
        let decode = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
        let n = decode(concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX",
            "jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaS",
            "qzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksIN",
            "HaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        ));
        let rsa = Material::Rsa { n, e: decode("AQAB") };
        assert_eq!(thumbprint(&rsa).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(rsa.validate("key").is_ok());
        assert_eq!(PublicKey::new(rsa, "key").unwrap().short_rsa_bits(), Some(2048));
        let x = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let ed25519 = Material::ed25519(&x, "key").unwrap();
        assert_eq!(thumbprint(&ed25519).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn numbers_that_are_no_key_are_refused() {
        let modulus = vec![0xff; 384];
        for e in [&[][..], &[0], &[1], &[2], &[1, 0], &[0, 1, 0, 1], &[0xff; 9]] {
            let rsa = Material::Rsa { n: modulus.clone(), e: e.to_vec() };
            assert!(rsa.validate("key").is_err(), "exponent {e:?}");
        }
        assert!(Material::Rsa { n: modulus.clone(), e: vec![1, 0, 1] }.validate("key").is_ok());
        for n in [vec![], vec![0; 384], [vec![0], modulus.clone()].concat(), [vec![1], vec![0; 383]].concat()]
        {
            assert!(Material::Rsa { n: n.clone(), e: vec![1, 0, 1] }.validate("key").is_err(), "{n:?}");
        }
        let short = Material::Rsa { n: [vec![0x7f], vec![0xff; 255]].concat(), e: vec![1, 0, 1] };
        assert_eq!(
            short.validate("key").unwrap_err().problem(),
            "is an RSA key of 2047 bits; 2048 to 8192 are needed"
        );
        let off_the_curve = Material::P256 { x: [1; 32], y: [1; 32] };
        assert!(off_the_curve.validate("key").is_err());
        assert!(Material::p256(&[4; 64], "key").is_err());
        assert!(Material::p256(&[2; 65], "key").is_err());
        assert!(Material::ed25519(&[1; 31], "key").is_err());
    }
}
