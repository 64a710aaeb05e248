//! Keys that make and check the macs of one kind of token: derived from each secret, newest first.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};

use crate::{
    ConfigError,
    token::keys::{Keys, derive},
};

pub(crate) const KEY_ID_BYTES: usize = 4;
pub(crate) const MAC_BYTES: usize = 32;
pub(crate) type KeyId = [u8; KEY_ID_BYTES];
pub(crate) type Mac = [u8; MAC_BYTES];

pub(crate) struct MacKeys {
    newest: MacKey,
    previous: Vec<MacKey>,
}

struct MacKey {
    id: KeyId,
    key: hmac::Key,
}

impl MacKeys {
    /// `kind` and `id` are the labels that the keys and their ids are derived with.
    pub(crate) fn new(keys: &Keys, kind: &'static str, id: &'static str) -> Result<Self, ConfigError> {
        let mut derived = keys.all().map(|secret| {
            let key = derive::<32>(secret, kind)?;
            Ok(MacKey { id: *derive(secret, id)?, key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()) })
        });
        let newest = derived.next().unwrap_or_else(|| Err(ConfigError::new("secret key", "is missing")))?;
        Ok(Self { newest, previous: derived.collect::<Result<_, ConfigError>>()? })
    }

    /// The mac of the parts one after the other, under the newest secret, and the id of its key. All parts but the last
    /// must have fixed lengths, so that they cannot run into each other.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> (KeyId, Mac) {
        (self.newest.id, self.newest.mac(parts))
    }

    /// The mac of the parts under the key of this id, if it is one of ours.
    pub(crate) fn sign_with(&self, key: KeyId, parts: &[&[u8]]) -> Option<Mac> {
        let mut keys = std::iter::once(&self.newest).chain(&self.previous);
        keys.find(|own| own.id == key).map(|own| own.mac(parts))
    }

    /// The mac of the parts under each key, the newest first.
    pub(crate) fn sign_with_each(&self, parts: &[&[u8]]) -> impl Iterator<Item = Mac> {
        std::iter::once(&self.newest).chain(&self.previous).map(|own| own.mac(parts))
    }

    /// Whether a mac is ours. Compares in constant time.
    pub(crate) fn verify(&self, key: KeyId, parts: &[&[u8]], mac: &Mac) -> bool {
        let mut keys = std::iter::once(&self.newest).chain(&self.previous).filter(|own| own.id == key);
        keys.any(|own| verify_slices_are_equal(&own.mac(parts), mac).is_ok())
    }
}

impl MacKey {
    fn mac(&self, parts: &[&[u8]]) -> Mac {
        let mut mac = hmac::Context::with_key(&self.key);
        for part in parts {
            mac.update(part);
        }
        let mut bytes = [0; MAC_BYTES];
        bytes.copy_from_slice(mac.sign().as_ref());
        bytes
    }
}
