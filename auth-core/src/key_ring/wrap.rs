//! Encrypts the private keys of the ring under keys derived from the secret.

use aws_lc_rs::error::Unspecified;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    ConfigError, PrivateKey, SecretKey,
    token::{NonceBytes, Sealer, derive, pem},
};

/// What one secret encrypts with.
pub(crate) struct Wrapping {
    /// Tells it from that of other secrets, and nothing else.
    id: String,
    sealer: Sealer,
}

impl Wrapping {
    pub(crate) fn new(secret: &SecretKey) -> Result<Self, ConfigError> {
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(*derive::<9>(secret, "key ring key id")?),
            sealer: Sealer::new(secret, "key ring")?,
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn wrap(&self, key: &PrivateKey, nonce: &NonceBytes) -> Result<Vec<u8>, Unspecified> {
        self.sealer.seal(key.expose_pkcs8(), &about(key.public_key().id(), key.algorithm().name()), nonce)
    }

    /// The key, if it is the one of this id and algorithm and nobody has touched it.
    pub(crate) fn unwrap(&self, wrapped: &[u8], id: &str, algorithm: &str) -> Option<PrivateKey> {
        let der = self.sealer.open(wrapped, &about(id, algorithm))?;
        let key = PrivateKey::from_block(&pem::Block { form: pem::Form::Pkcs8, der }).ok()?;
        (key.public_key().id() == id && key.algorithm().name() == algorithm).then_some(key)
    }
}

/// What a ciphertext belongs to: no row can be given the key of another.
fn about(id: &str, algorithm: &str) -> Vec<u8> {
    ["auth key ring 1", id, algorithm].join("\0").into_bytes()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::aead::{AES_256_GCM, NONCE_LEN};

    use super::*;
    use crate::Algorithm;

    fn wrapping(byte: u8) -> Wrapping {
        Wrapping::new(&SecretKey::new([byte; 32]).unwrap()).unwrap()
    }

    #[test]
    fn a_key_comes_back_under_its_own_secret_id_and_algorithm_only() {
        let key = PrivateKey::generate(Algorithm::EdDsa).unwrap();
        let id = key.public_key().id();
        let wrapped = wrapping(1).wrap(&key, &[7; NONCE_LEN]).unwrap();
        let again = wrapping(1).unwrap(&wrapped, id, "EdDSA").unwrap();
        assert_eq!(again.expose_pem(), key.expose_pem());
        assert_eq!(wrapped.len(), NONCE_LEN + key.expose_pkcs8().len() + AES_256_GCM.tag_len());
        assert!(wrapping(2).unwrap(&wrapped, id, "EdDSA").is_none());
        assert!(wrapping(1).unwrap(&wrapped, &id.to_uppercase(), "EdDSA").is_none());
        assert!(wrapping(1).unwrap(&wrapped, id, "ES256").is_none());
        assert_ne!(wrapping(1).id(), wrapping(2).id());
    }

    #[test]
    fn no_changed_or_missing_byte_is_overlooked() {
        let key = PrivateKey::generate(Algorithm::EdDsa).unwrap();
        let id = key.public_key().id();
        let wrapped = wrapping(1).wrap(&key, &[7; NONCE_LEN]).unwrap();
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(wrapping(1).unwrap(&changed, id, "EdDSA").is_none(), "byte {at}");
            assert!(wrapping(1).unwrap(&wrapped[..at], id, "EdDSA").is_none(), "{at} bytes");
        }
    }

    #[test]
    fn the_plain_key_is_nowhere_in_what_is_stored() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let key = PrivateKey::generate(algorithm).unwrap();
            let wrapped = wrapping(1).wrap(&key, &[7; NONCE_LEN]).unwrap();
            let plain = key.expose_pkcs8();
            assert!(plain.windows(8).all(|part| !wrapped.windows(8).any(|stored| stored == part)));
        }
    }
}
