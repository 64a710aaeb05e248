//! The refresh token: opaque to clients, and made again rather than stored.
//!
//! `base64url(version | key id | session id | generation | mac)`, where `mac = HMAC-SHA-256(K, seed | session
//! id | generation)`. The seed is a random column of the session's row and `K` is derived from the server's
//! secret: neither the database nor the secret alone is enough to make a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    ConfigError, RefreshToken, SessionId,
    token::{
        keys::Keys,
        mac::{KEY_ID_BYTES, KeyId, MAC_BYTES, Mac, MacKeys},
    },
};

const VERSION: u8 = 1;
const TOKEN_BYTES: usize = 1 + KEY_ID_BYTES + 16 + 8 + MAC_BYTES;
/// base64url without padding.
const TOKEN_CHARS: usize = (TOKEN_BYTES * 4).div_ceil(3);

/// The parts of a well-formed token. Nothing is proven until [`RefreshKeys::is_genuine`] says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshParts {
    key_id: KeyId,
    pub(crate) session_id: SessionId,
    pub(crate) generation: i64,
    mac: Mac,
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

pub(crate) struct RefreshKeys(MacKeys);

impl RefreshKeys {
    pub(crate) fn new(keys: &Keys) -> Result<Self, ConfigError> {
        MacKeys::new(keys, "refresh token", "refresh token key id").map(Self)
    }

    /// The token of a generation; the same one each time as long as the newest secret is the same.
    pub(crate) fn make(&self, session_id: SessionId, seed: &[u8], generation: i64) -> RefreshToken {
        let (session, generation) = (session_id.as_uuid(), generation.to_be_bytes());
        let (key_id, mac) = self.0.sign(&[seed, session.as_bytes(), &generation]);
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&key_id);
        bytes.extend_from_slice(session.as_bytes());
        bytes.extend_from_slice(&generation);
        bytes.extend_from_slice(mac.as_ref());
        RefreshToken::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether we made this token for the session with this seed. Compares in constant time.
    pub(crate) fn is_genuine(&self, parts: &RefreshParts, seed: &[u8]) -> bool {
        let (session, generation) = (parts.session_id.as_uuid(), parts.generation.to_be_bytes());
        self.0.verify(parts.key_id, &[seed, session.as_bytes(), &generation], &parts.mac)
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
