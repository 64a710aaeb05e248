//! The refresh token: opaque to clients, and made again rather than stored.
//!
//! `base64url(version | key id | session id | generation | mac)`, where `mac = HMAC-SHA-256(K, seed | session
//! id | generation)`. The seed is a random column of the session's row and `K` is derived from the server's
//! secret: neither the database nor the secret alone is enough to make a token.

use uuid::Uuid;

use crate::{
    ConfigError, RefreshToken, SessionId,
    token::{
        keys::Keys,
        mac::MacKeys,
        opaque::{Opaque, joined},
    },
};

const SESSION_BYTES: usize = 16;
const CONTENT_BYTES: usize = SESSION_BYTES + 8;

/// The parts of a well-formed token. Nothing is proven until [`RefreshKeys::is_genuine`] says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RefreshParts {
    token: Opaque<CONTENT_BYTES>,
    pub(crate) session_id: SessionId,
    pub(crate) generation: i64,
}

impl RefreshParts {
    /// Takes a token apart; `None` for anything that [`RefreshKeys::make`] does not write.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let token = Opaque::parse(token)?;
        let (session_id, generation) = token.content.split_first_chunk::<SESSION_BYTES>()?;
        Some(Self {
            token,
            session_id: Uuid::from_bytes(*session_id).into(),
            generation: i64::from_be_bytes(generation.try_into().ok()?),
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
        let content = joined::<CONTENT_BYTES>(&[session_id.as_uuid().as_bytes(), &generation.to_be_bytes()]);
        let (key_id, mac) = self.0.sign(&[seed, &content]);
        RefreshToken::new(Opaque { key_id, content, mac }.write())
    }

    /// Whether we made this token for the session with this seed. Compares in constant time.
    pub(crate) fn is_genuine(&self, parts: &RefreshParts, seed: &[u8]) -> bool {
        let Opaque { key_id, content, mac } = &parts.token;
        self.0.verify(*key_id, &[seed, content], mac)
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
        for byte in 0..CONTENT_BYTES {
            let mut changed = parts;
            changed.token.content[byte] ^= 1;
            assert!(!keys.is_genuine(&changed, &[9; 32]), "byte {byte}");
        }
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
        assert_eq!(
            keys(1).make(session(1), &[1; 32], i64::MAX).expose().len(),
            Opaque::<CONTENT_BYTES>::CHARS
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_refuses_what_was_not_made(text in "\\PC{0,120}") {
            prop_assert!(RefreshParts::parse(&text).is_none_or(|_| text.len() == Opaque::<CONTENT_BYTES>::CHARS));
        }

        #[test]
        fn no_changed_character_leaves_a_token_genuine(at in 0..Opaque::<CONTENT_BYTES>::CHARS, to in "[A-Za-z0-9_-]") {
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
