//! Tokens that work once, for one purpose. Like refresh tokens they are made again rather than stored.
//!
//! `base64url(version | key id | token id | mac)`, where `mac = HMAC-SHA-256(K, seed | token id | purpose)`. The seed is a
//! random column of the token's row and `K` is derived from the server's secret.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    ConfigError, OneTimeToken,
    token::{
        keys::Keys,
        mac::{Mac, MacKeys},
        opaque::Opaque,
    },
};

const ID_BYTES: usize = 16;

/// What a one-time token is good for: a name that goes into its mac and its row. Each room has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purpose(pub(crate) &'static str);

/// The parts of a well-formed token. Nothing is proven until [`OneTimeKeys::is_genuine`] says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct OneTimeParts {
    token: Opaque<ID_BYTES>,
    pub(crate) id: Uuid,
}

impl OneTimeParts {
    /// Takes a token apart; `None` for anything that [`OneTimeKeys::make`] does not write.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let token = Opaque::parse(token)?;
        Some(Self { id: Uuid::from_bytes(token.content), token })
    }
}

pub(crate) struct OneTimeKeys(MacKeys);

impl OneTimeKeys {
    pub(crate) fn new(keys: &Keys) -> Result<Self, ConfigError> {
        MacKeys::new(keys, "one-time token", "one-time token key id").map(Self)
    }

    pub(crate) fn make(&self, id: Uuid, seed: &[u8], purpose: &str) -> OneTimeToken {
        let (key_id, mac) = self.0.sign(&[seed, id.as_bytes(), purpose.as_bytes()]);
        OneTimeToken::new(Opaque { key_id, content: *id.as_bytes(), mac }.write())
    }

    /// Whether we made this token for the row with this seed and purpose. Compares in constant time.
    pub(crate) fn is_genuine(&self, parts: &OneTimeParts, seed: &[u8], purpose: &str) -> bool {
        self.0.verify(parts.token.key_id, &[seed, parts.id.as_bytes(), purpose.as_bytes()], &parts.token.mac)
    }

    /// Something else that belongs to a genuine token: it takes the secret as well as the row to know it, so that it need not
    /// be stored. The label must be no purpose's code. `None`: the secret is no longer among the keys.
    pub(crate) fn derive(&self, parts: &OneTimeParts, seed: &[u8], label: &str) -> Option<String> {
        let mac = self.0.sign_with(parts.token.key_id, &[seed, parts.id.as_bytes(), label.as_bytes()])?;
        Some(URL_SAFE_NO_PAD.encode(mac))
    }

    /// Eight digits that belong to a row: like a token they are made again and stored nowhere. The label must be no purpose's code.
    pub(crate) fn code(&self, id: Uuid, seed: &[u8], label: &str) -> String {
        let (_, mac) = self.0.sign(&[seed, id.as_bytes(), label.as_bytes()]);
        digits(&mac)
    }

    /// Whether they are those of the row, under any of the secrets. Compares in constant time.
    pub(crate) fn is_code(&self, code: &str, id: Uuid, seed: &[u8], label: &str) -> bool {
        let parts: [&[u8]; 3] = [seed, id.as_bytes(), label.as_bytes()];
        self.0
            .sign_with_each(&parts)
            .any(|mac| verify_slices_are_equal(digits(&mac).as_bytes(), code.as_bytes()).is_ok())
    }
}

/// Of 2^64 values these are as good as equally frequent: a digit's odds differ by less than one in 10^11.
fn digits(mac: &Mac) -> String {
    let number = mac.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("{:08}", number % 100_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SecretKey;

    fn keys(byte: u8) -> OneTimeKeys {
        OneTimeKeys::new(&Keys::new(SecretKey::new(vec![byte; 32]).unwrap())).unwrap()
    }

    const ID: Uuid = Uuid::from_bytes([7; 16]);

    #[test]
    fn a_token_is_genuine_for_its_own_row_seed_and_purpose_only() {
        let parts = OneTimeParts::parse(keys(1).make(ID, &[9; 32], "reset_password").expose()).unwrap();
        assert_eq!(parts.id, ID);
        assert!(keys(1).is_genuine(&parts, &[9; 32], "reset_password"));
        assert!(!keys(1).is_genuine(&parts, &[9; 32], "verify_email"));
        assert!(!keys(1).is_genuine(&parts, &[8; 32], "reset_password"));
        assert!(!keys(2).is_genuine(&parts, &[9; 32], "reset_password"));
        let other = OneTimeParts { id: Uuid::from_bytes([8; 16]), ..parts };
        assert!(!keys(1).is_genuine(&other, &[9; 32], "reset_password"));
    }

    #[test]
    fn a_code_is_eight_digits_of_its_own_row_seed_and_label() {
        let code = keys(1).code(ID, &[9; 32], "a code");
        assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        assert!(keys(1).is_code(&code, ID, &[9; 32], "a code"));
        assert!(!keys(1).is_code(&code, ID, &[8; 32], "a code"));
        assert!(!keys(1).is_code(&code, Uuid::from_bytes([8; 16]), &[9; 32], "a code"));
        assert!(!keys(1).is_code(&code, ID, &[9; 32], "another code"));
        assert!(!keys(2).is_code(&code, ID, &[9; 32], "a code"));
        let secret = |byte| SecretKey::new(vec![byte; 32]).unwrap();
        let later = OneTimeKeys::new(&Keys::new(secret(2)).previous(secret(1))).unwrap();
        assert!(later.is_code(&code, ID, &[9; 32], "a code"), "a change of the secret ends no code");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_refuses_what_was_not_made(text in "\\PC{0,100}") {
            prop_assert!(OneTimeParts::parse(&text).is_none_or(|_| text.len() == Opaque::<ID_BYTES>::CHARS));
        }

        #[test]
        fn no_changed_character_leaves_a_token_genuine(at in 0..Opaque::<ID_BYTES>::CHARS, to in "[A-Za-z0-9_-]") {
            let token = keys(1).make(ID, &[9; 32], "verify_email").expose().to_owned();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            let parts = OneTimeParts::parse(&changed);
            prop_assert!(parts.is_none_or(|parts| !keys(1).is_genuine(&parts, &[9; 32], "verify_email")));
        }
    }
}
