//! The device token: a browser in which somebody signed in before is not taken for a stranger.
//!
//! `base64url(version | key id | device id | account | issued at | mac)`, where `mac = HMAC-SHA-256(K, all before it)`
//! and `K` is derived from the server's secret. It signs nobody in.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::derive;
use crate::{ConfigError, DeviceToken, Keys, SecretKey, clock::duration_millis, email::Email};

/// How long a device stays known after a sign-in. Browsers keep no cookie for longer than 400 days.
pub(crate) const KNOWN_FOR: Duration = Duration::from_hours(365 * 24);

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const SIGNED_BYTES: usize = 1 + KEY_ID_BYTES + 16 + 16 + 8;
const TOKEN_BYTES: usize = SIGNED_BYTES + 32;
/// base64url without padding.
const TOKEN_CHARS: usize = (TOKEN_BYTES * 4).div_ceil(3);

/// One set of derived keys for each secret, newest first.
pub(crate) struct DeviceKeys {
    newest: DeviceKey,
    previous: Vec<DeviceKey>,
}

struct DeviceKey {
    id: [u8; KEY_ID_BYTES],
    account: hmac::Key,
    device: hmac::Key,
}

impl DeviceKeys {
    pub(crate) fn new(keys: &Keys) -> Result<Self, ConfigError> {
        let mut derived = keys.all().map(DeviceKey::new);
        let newest = derived.next().unwrap_or_else(|| Err(ConfigError::new("secret key", "is missing")))?;
        Ok(Self { newest, previous: derived.collect::<Result<_, ConfigError>>()? })
    }

    /// What stands for an address where failures are counted: nobody can tell the address from it without the secret,
    /// and one that has no account has one all the same.
    pub(crate) fn account(&self, email: &Email) -> Uuid {
        self.newest.account(email)
    }

    pub(crate) fn make(&self, device: Uuid, email: &Email, now: i64) -> DeviceToken {
        let key = &self.newest;
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&key.id);
        bytes.extend_from_slice(device.as_bytes());
        bytes.extend_from_slice(key.account(email).as_bytes());
        bytes.extend_from_slice(&now.to_be_bytes());
        let mac = hmac::sign(&key.device, &bytes);
        bytes.extend_from_slice(mac.as_ref());
        DeviceToken::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether this is a device of ours, whoever signed in there.
    pub(crate) fn knows(&self, token: &DeviceToken, now: i64) -> bool {
        self.open(token, now).is_some()
    }

    /// The id of the device, if it is one on which somebody signed in with this address.
    pub(crate) fn device_of(&self, token: &DeviceToken, email: &Email, now: i64) -> Option<Uuid> {
        let (key, device, account) = self.open(token, now)?;
        (key.account(email) == account).then_some(device)
    }

    fn open(&self, token: &DeviceToken, now: i64) -> Option<(&DeviceKey, Uuid, Uuid)> {
        if token.expose().len() != TOKEN_CHARS {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        if URL_SAFE_NO_PAD.decode_slice(token.expose(), &mut bytes).ok()? != TOKEN_BYTES {
            return None;
        }
        let (signed, mac) = bytes.split_first_chunk::<SIGNED_BYTES>()?;
        let (version, rest) = signed.split_first_chunk::<1>()?;
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>()?;
        let (device, rest) = rest.split_first_chunk::<16>()?;
        let (account, issued_at) = rest.split_first_chunk::<16>()?;
        let issued_at = i64::from_be_bytes(issued_at.try_into().ok()?);
        if *version != [VERSION] || now >= issued_at.saturating_add(duration_millis(KNOWN_FOR)) {
            return None;
        }
        let mut keys = std::iter::once(&self.newest).chain(&self.previous);
        // Compares in constant time.
        let key = keys.find(|key| key.id == *key_id && hmac::verify(&key.device, signed, mac).is_ok())?;
        Some((key, Uuid::from_bytes(*device), Uuid::from_bytes(*account)))
    }
}

impl DeviceKey {
    fn new(secret: &SecretKey) -> Result<Self, ConfigError> {
        let key = |purpose| {
            derive::<32>(secret, purpose).map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
        };
        Ok(Self {
            id: *derive(secret, "device token key id")?,
            account: key("throttled account")?,
            device: key("device token")?,
        })
    }

    /// Half of a mac: nobody can look for two addresses that share one.
    fn account(&self, email: &Email) -> Uuid {
        let mac = hmac::sign(&self.account, email.normalized().as_bytes());
        let half = mac.as_ref().first_chunk::<16>();
        half.map_or(Uuid::nil(), |half| Uuid::from_bytes(*half))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR: i64 = 365 * 24 * 3600 * 1000;

    fn secret(byte: u8) -> SecretKey {
        SecretKey::new(vec![byte; 32]).unwrap()
    }

    fn keys(newest: u8) -> DeviceKeys {
        DeviceKeys::new(&Keys::new(secret(newest))).unwrap()
    }

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap()
    }

    const DEVICE: Uuid = Uuid::from_bytes([7; 16]);

    #[test]
    fn a_device_is_known_for_its_own_account_for_a_year() {
        let (keys, ada, bob) = (keys(1), email("Ada@Example.com"), email("bob@example.com"));
        let token = keys.make(DEVICE, &ada, 1000);
        assert_eq!(token.expose().len(), TOKEN_CHARS);
        assert_eq!(keys.device_of(&token, &email(" ada@example.com"), 1000), Some(DEVICE));
        assert_eq!(keys.device_of(&token, &bob, 1000), None);
        assert!(keys.knows(&token, 1000 + YEAR - 1) && !keys.knows(&token, 1000 + YEAR));
    }

    #[test]
    fn a_device_stays_known_while_the_secret_that_made_its_token_is_kept() {
        let (old, ada) = (keys(1), email("ada@example.com"));
        let both = DeviceKeys::new(&Keys::new(secret(2)).previous(secret(1))).unwrap();
        let (before, after) = (old.make(DEVICE, &ada, 0), both.make(DEVICE, &ada, 0));
        assert_eq!(both.device_of(&before, &ada, 0), Some(DEVICE));
        assert_eq!(both.device_of(&after, &ada, 0), Some(DEVICE));
        assert_eq!((keys(2).device_of(&before, &ada, 0), old.device_of(&after, &ada, 0)), (None, None));
    }

    #[test]
    fn an_account_is_counted_under_a_name_that_only_the_secret_makes() {
        let ada = email("ada@example.com");
        assert_eq!(keys(1).account(&ada), keys(1).account(&email("ADA@example.com")));
        assert_ne!(keys(1).account(&ada), keys(1).account(&email("bob@example.com")));
        assert_ne!(keys(1).account(&ada), keys(2).account(&ada));
    }

    proptest! {
        #[test]
        fn whatever_was_not_made_here_is_unknown_and_no_panic(text in "\\PC{0,120}") {
            prop_assert!(!keys(1).knows(&DeviceToken::new(text), 0));
        }

        #[test]
        fn no_changed_character_leaves_a_device_known(at in 0..TOKEN_CHARS, to in "[A-Za-z0-9_-]") {
            let keys = keys(1);
            let token = keys.make(DEVICE, &email("ada@example.com"), 0).expose().to_owned();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            prop_assert!(!keys.knows(&DeviceToken::new(changed), 0));
        }
    }
}
