//! Encryption of what is stored: AES-256-GCM (NIST SP 800-38D), so that who reads the database learns nothing, and who
//! writes it can bring in nothing of their own.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, UnboundKey},
    error::Unspecified,
};
use zeroize::Zeroizing;

use crate::{ConfigError, SecretKey, token::derive};

/// Random nonces are safe for 2^32 messages of one key.
pub(crate) type NonceBytes = [u8; NONCE_LEN];

/// What one secret encrypts one kind of thing with.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    pub(crate) fn new(secret: &SecretKey, purpose: &'static str) -> Result<Self, ConfigError> {
        let key = derive::<32>(secret, purpose)?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref())
            .map_err(|_| ConfigError::new("secret key", "cannot be used to derive keys"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Nonce, ciphertext and tag. `about` is what it belongs to: nothing else can be given it.
    pub(crate) fn seal(
        &self,
        plain: &[u8],
        about: &[u8],
        nonce: &NonceBytes,
    ) -> Result<Vec<u8>, Unspecified> {
        let mut text = Zeroizing::new(plain.to_vec());
        let tag = self.0.seal_in_place_separate_tag(nonce.into(), Aad::from(about), &mut text)?;
        Ok([nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// The plain text, if nobody has touched it. `None` tells no reason: there is none that could be acted on.
    pub(crate) fn open(&self, sealed: &[u8], about: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.0.open_in_place(nonce.into(), Aad::from(about), &mut text).ok()?.len();
        text.truncate(opened);
        Some(text)
    }
}
