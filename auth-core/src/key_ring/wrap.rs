//! Encrypts the private keys of the ring, so that who reads the database can sign nothing, and who writes it can bring
//! in no key of their own: AES-256-GCM (NIST SP 800-38D) under a key derived from the secret.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, UnboundKey},
    error::Unspecified,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    ConfigError, PrivateKey, SecretKey,
    token::{derive, pem},
};

/// Random nonces are safe for 2^32 messages of one key; a ring has a few in its life.
pub(crate) type NonceBytes = [u8; NONCE_LEN];

/// What one secret encrypts with.
pub(crate) struct Wrapping {
    /// Tells it from that of other secrets, and nothing else.
    id: String,
    key: LessSafeKey,
}

impl Wrapping {
    pub(crate) fn new(secret: &SecretKey) -> Result<Self, ConfigError> {
        let key = derive::<32>(secret, "key ring")?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref())
            .map_err(|_| ConfigError::new("secret key", "cannot be used to derive keys"))?;
        Ok(Self {
            id: URL_SAFE_NO_PAD.encode(*derive::<9>(secret, "key ring key id")?),
            key: LessSafeKey::new(key),
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Nonce, ciphertext and tag.
    pub(crate) fn wrap(&self, key: &PrivateKey, nonce: &NonceBytes) -> Result<Vec<u8>, Unspecified> {
        let mut text = Zeroizing::new(key.expose_pkcs8().to_vec());
        let about = about(key.public_key().id(), key.algorithm().name());
        let tag = self.key.seal_in_place_separate_tag(nonce.into(), Aad::from(about), &mut text)?;
        Ok([nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// The key, if it is the one of this id and algorithm and nobody has touched it. `None` tells no reason: there is
    /// none that could be acted on.
    pub(crate) fn unwrap(&self, wrapped: &[u8], id: &str, algorithm: &str) -> Option<PrivateKey> {
        let (nonce, text) = wrapped.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened =
            self.key.open_in_place(nonce.into(), Aad::from(about(id, algorithm)), &mut text).ok()?.len();
        text.truncate(opened);
        let key = PrivateKey::from_block(&pem::Block { form: pem::Form::Pkcs8, der: text }).ok()?;
        (key.public_key().id() == id && key.algorithm().name() == algorithm).then_some(key)
    }
}

/// What a ciphertext belongs to: no row can be given the key of another.
fn about(id: &str, algorithm: &str) -> Vec<u8> {
    ["auth key ring 1", id, algorithm].join("\0").into_bytes()
}

#[cfg(test)]
mod tests {
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
