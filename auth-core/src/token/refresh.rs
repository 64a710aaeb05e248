//! The refresh token: opaque to clients, and made again rather than stored.
//!
//! `base64url(version | key id | session id | generation | mac)`, where `mac = HMAC-SHA-256(K, seed | session
//! id | generation)`. The seed is a random column of the session's row and `K` is derived from the server's
//! secret: neither the database nor the secret alone is enough to make a token.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    ConfigError, RefreshToken, SessionId,
    token::keys::{Keys, derive},
};

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const MAC_BYTES: usize = 32;
const TOKEN_BYTES: usize = 1 + KEY_ID_BYTES + 16 + 8 + MAC_BYTES;
/// base64url without padding.
const TOKEN_CHARS: usize = (TOKEN_BYTES * 4).div_ceil(3);

/// The parts of a well-formed token. Nothing is proven until [`RefreshKeys::is_genuine`] says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshParts {
    key_id: [u8; KEY_ID_BYTES],
    pub(crate) session_id: SessionId,
    pub(crate) generation: i64,
    mac: [u8; MAC_BYTES],
}

impl RefreshParts {
    /// Takes a token apart; `None` for anything that [`RefreshKeys::make`] does not write.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        if token.len() != TOKEN_CHARS {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        if URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()? != TOKEN_BYTES {
            return None;
        }
        let (version, rest) = bytes.split_first_chunk::<1>()?;
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>()?;
        let (session_id, rest) = rest.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<8>()?;
        if *version != [VERSION] {
            return None;
        }
        Some(Self {
            key_id: *key_id,
            session_id: Uuid::from_bytes(*session_id).into(),
            generation: i64::from_be_bytes(*generation),
            mac: mac.try_into().ok()?,
        })
    }
}

/// One derived key for each secret, newest first.
pub(crate) struct RefreshKeys {
    newest: RefreshKey,
    previous: Vec<RefreshKey>,
}

struct RefreshKey {
    id: [u8; KEY_ID_BYTES],
    key: hmac::Key,
}

impl RefreshKeys {
    pub(crate) fn new(keys: &Keys) -> Result<Self, ConfigError> {
        let mut derived = keys.all().map(|secret| {
            let key = derive::<32>(secret, "refresh token")?;
            Ok(RefreshKey {
                id: *derive(secret, "refresh token key id")?,
                key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            })
        });
        let newest = derived.next().unwrap_or_else(|| Err(ConfigError::new("secret key", "is missing")))?;
        Ok(Self { newest, previous: derived.collect::<Result<_, ConfigError>>()? })
    }

    /// The token of a generation; the same one each time as long as the newest secret is the same.
    pub(crate) fn make(&self, session_id: SessionId, seed: &[u8], generation: i64) -> RefreshToken {
        let key = &self.newest;
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&key.id);
        bytes.extend_from_slice(session_id.as_uuid().as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(key.mac(session_id, seed, generation).as_ref());
        RefreshToken::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether we made this token for the session with this seed. Compares in constant time.
    pub(crate) fn is_genuine(&self, parts: &RefreshParts, seed: &[u8]) -> bool {
        std::iter::once(&self.newest).chain(&self.previous).filter(|key| key.id == parts.key_id).any(|key| {
            let mac = key.mac(parts.session_id, seed, parts.generation);
            aws_lc_rs::constant_time::verify_slices_are_equal(mac.as_ref(), &parts.mac).is_ok()
        })
    }
}

impl RefreshKey {
    /// Seed and id have fixed lengths, so the parts cannot run into each other.
    fn mac(&self, session_id: SessionId, seed: &[u8], generation: i64) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(seed);
        mac.update(session_id.as_uuid().as_bytes());
        mac.update(&generation.to_be_bytes());
        mac.sign()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretKey;

    fn secret(byte: u8) -> SecretKey {
        SecretKey::new(vec![byte; 32]).unwrap()
    }

    fn keys(newest: u8) -> RefreshKeys {
        RefreshKeys::new(&Keys::new(secret(newest))).unwrap()
    }

    fn session(byte: u8) -> SessionId {
        Uuid::from_bytes([byte; 16]).into()
    }

    #[test]
    fn a_token_is_genuine_for_its_own_session_seed_and_generation_only() {
        let keys = keys(1);
        let token = keys.make(session(7), &[9; 32], 3);
        let parts = RefreshParts::parse(token.expose()).unwrap();
        assert_eq!((parts.session_id, parts.generation), (session(7), 3));
        assert!(keys.is_genuine(&parts, &[9; 32]));
        assert!(!keys.is_genuine(&parts, &[8; 32]));
        assert!(!keys.is_genuine(&RefreshParts { generation: 4, ..parts }, &[9; 32]));
        assert!(!keys.is_genuine(&RefreshParts { session_id: session(8), ..parts }, &[9; 32]));
    }

    #[test]
    fn a_previous_secret_still_verifies_and_the_newest_makes() {
        let old = keys(1);
        let both = RefreshKeys::new(&Keys::new(secret(2)).previous(secret(1))).unwrap();
        let made_before = RefreshParts::parse(old.make(session(7), &[9; 32], 1).expose()).unwrap();
        let made_now = RefreshParts::parse(both.make(session(7), &[9; 32], 1).expose()).unwrap();
        assert!(both.is_genuine(&made_before, &[9; 32]));
        assert!(both.is_genuine(&made_now, &[9; 32]));
        assert!(!old.is_genuine(&made_now, &[9; 32]));
    }

    #[test]
    fn the_name_and_value_of_the_cookie_stay_small() {
        assert_eq!(keys(1).make(session(1), &[1; 32], i64::MAX).expose().len(), TOKEN_CHARS);
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_refuses_what_was_not_made(text in "\\PC{0,120}") {
            prop_assert!(RefreshParts::parse(&text).is_none_or(|_| text.len() == TOKEN_CHARS));
        }

        #[test]
        fn no_changed_character_leaves_a_token_genuine(at in 0..TOKEN_CHARS, to in "[A-Za-z0-9_-]") {
            let keys = keys(1);
            let token = keys.make(session(7), &[9; 32], 3).expose().to_owned();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            let parts = RefreshParts::parse(&changed);
            prop_assert!(parts.is_none_or(|parts| !keys.is_genuine(&parts, &[9; 32])));
        }
    }
}
