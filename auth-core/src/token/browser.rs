//! The token of the browser door: opaque, bound to a session, and the same for as long as that lives.
//!
//! `base64url(version | key id | session id | proof | mac)`, where `proof = HMAC-SHA-256(P, seed | session id)`, cut to 128 bits, and `mac =
//! HMAC-SHA-256(K, session id | proof)`. `K` and `P` are derived from the server's secret, the seed is a random column of the session's row:
//! neither the database nor the secret alone is enough to make one, and what was not made here is refused before anything is read.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use uuid::Uuid;

use super::{
    keys::Keys,
    mac::MacKeys,
    opaque::{Opaque, joined},
};
use crate::{BrowserSession, ConfigError, SessionId};

const SESSION_BYTES: usize = 16;
const PROOF_BYTES: usize = 16;
const CONTENT_BYTES: usize = SESSION_BYTES + PROOF_BYTES;

/// The parts of a token that was made here. Whether it is one of the session as it stands in its row tells
/// [`BrowserKeys::is_of`].
#[derive(Clone, Copy)]
pub(crate) struct BrowserParts {
    token: Opaque<CONTENT_BYTES>,
    pub(crate) session_id: SessionId,
}

impl BrowserParts {
    /// What it is remembered by: no two sessions, and no two secrets, have the same.
    pub(crate) fn name(&self) -> [u8; CONTENT_BYTES] {
        self.token.content
    }
}

pub(crate) struct BrowserKeys {
    token: MacKeys,
    proof: MacKeys,
}

impl BrowserKeys {
    pub(crate) fn new(keys: &Keys) -> Result<Self, ConfigError> {
        const ID: &str = "browser token key id";
        Ok(Self {
            token: MacKeys::new(keys, "browser token", ID)?,
            proof: MacKeys::new(keys, "browser token proof", ID)?,
        })
    }

    /// The same one each time as long as the newest secret is the same.
    pub(crate) fn make(&self, session_id: SessionId, seed: &[u8]) -> BrowserSession {
        let id = session_id.as_uuid();
        let (_, proof) = self.proof.sign(&[seed, id.as_bytes()]);
        let content = joined::<CONTENT_BYTES>(&[id.as_bytes(), &proof]);
        let (key_id, mac) = self.token.sign(&[&content]);
        BrowserSession::new(Opaque { key_id, content, mac }.write())
    }

    /// Takes a token apart; `None` for anything that [`make`](Self::make) did not write. Compares in constant time.
    pub(crate) fn open(&self, token: &BrowserSession) -> Option<BrowserParts> {
        let token = Opaque::<CONTENT_BYTES>::parse(token.expose())?;
        let (session_id, _) = token.content.split_first_chunk::<SESSION_BYTES>()?;
        let session_id = Uuid::from_bytes(*session_id).into();
        self.token
            .verify(token.key_id, &[&token.content], &token.mac)
            .then_some(BrowserParts { token, session_id })
    }

    /// Whether it was made for the session with this seed. Compares in constant time.
    pub(crate) fn is_of(&self, parts: &BrowserParts, seed: &[u8]) -> bool {
        let id = parts.session_id.as_uuid();
        let Some(proof) = self.proof.sign_with(parts.token.key_id, &[seed, id.as_bytes()]) else {
            return false;
        };
        let (own, told) = (proof.iter().take(PROOF_BYTES), parts.token.content.iter().skip(SESSION_BYTES));
        let (own, told): (Vec<u8>, Vec<u8>) = (own.copied().collect(), told.copied().collect());
        verify_slices_are_equal(&own, &told).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{SecretKey, token::refresh::RefreshKeys};

    fn secret(byte: u8) -> SecretKey {
        SecretKey::new(vec![byte; 32]).unwrap()
    }

    fn keys(newest: u8) -> BrowserKeys {
        BrowserKeys::new(&Keys::new(secret(newest))).unwrap()
    }

    fn session(byte: u8) -> SessionId {
        Uuid::from_bytes([byte; 16]).into()
    }

    #[test]
    fn a_token_is_good_for_its_own_session_and_seed_only() {
        let keys = keys(1);
        let parts = keys.open(&keys.make(session(7), &[9; 32])).unwrap();
        assert_eq!(parts.session_id, session(7));
        assert!(keys.is_of(&parts, &[9; 32]) && !keys.is_of(&parts, &[8; 32]));
        let other = keys.open(&keys.make(session(6), &[9; 32])).unwrap();
        assert_ne!(other.name(), parts.name());
    }

    #[test]
    fn a_previous_secret_still_verifies_and_the_newest_makes() {
        let old = keys(1);
        let both = BrowserKeys::new(&Keys::new(secret(2)).previous(secret(1))).unwrap();
        let (before, now) = (old.make(session(7), &[9; 32]), both.make(session(7), &[9; 32]));
        for token in [&before, &now] {
            assert!(both.is_of(&both.open(token).unwrap(), &[9; 32]));
        }
        assert!(old.open(&now).is_none());
    }

    #[test]
    fn a_refresh_token_is_none() {
        let refresh = RefreshKeys::new(&Keys::new(secret(1))).unwrap().make(session(7), &[9; 32], 1);
        assert!(keys(1).open(&BrowserSession::new(refresh.expose())).is_none());
    }

    proptest! {
        #[test]
        fn whatever_was_not_made_here_is_refused_and_no_panic(text in "\\PC{0,120}") {
            prop_assert!(keys(1).open(&BrowserSession::new(text)).is_none());
        }

        #[test]
        fn no_changed_character_leaves_a_token_good(at in 0..Opaque::<CONTENT_BYTES>::CHARS, to in "[A-Za-z0-9_-]") {
            let keys = keys(1);
            let token = keys.make(session(7), &[9; 32]).expose().to_owned();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            prop_assert!(keys.open(&BrowserSession::new(changed)).is_none());
        }
    }
}
