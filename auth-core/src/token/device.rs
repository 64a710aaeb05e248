//! The device token: a browser in which somebody signed in before is not taken for a stranger.
//!
//! `base64url(version | key id | device id | account | issued at | proof | mac)`, where `mac = HMAC-SHA-256(K, device id | account
//! | issued at | proof)` and `proof = HMAC-SHA-256(P, seed | epoch | device id)`, cut to 128 bits. `K` and `P` are derived from the server's secret; the
//! seed is a random column of the account's row, so that whoever has the secret to verify access tokens with can make none; the
//! epoch is what a new password, the end of all sessions and a takeover raise. It signs nobody in.

use std::{fmt, time::Duration};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    derive,
    mac::KeyId,
    opaque::{Opaque, joined},
};
use crate::{
    ConfigError, DeviceToken, Keys, SecretKey, clock::duration_millis, email::Email, profile::Username,
};

/// How long a device stays known after a sign-in. Browsers keep no cookie for longer than 400 days.
pub(crate) const KNOWN_FOR: Duration = Duration::from_hours(365 * 24);

/// Those of earlier versions were shorter, and hung on the address alone: they are nobody's.
const CONTENT_BYTES: usize = 16 + 16 + 8 + PROOF_BYTES;
const PROOF_BYTES: usize = 16;

/// What the tokens of an account's known devices hang on, beside the secret.
#[derive(Clone)]
pub(crate) struct DeviceSeed(Zeroizing<Vec<u8>>);

impl DeviceSeed {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for DeviceSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceSeed(redacted)")
    }
}

/// One set of derived keys for each secret, newest first.
pub(crate) struct DeviceKeys {
    newest: DeviceKey,
    previous: Vec<DeviceKey>,
}

struct DeviceKey {
    id: KeyId,
    account: hmac::Key,
    device: hmac::Key,
    proof: hmac::Key,
}

/// A device by its token, which is ours and names this address. Whether it is one of the account that has the address now is
/// told by [`DeviceKeys::is_of`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    pub(crate) id: Uuid,
    key_id: KeyId,
    proof: [u8; PROOF_BYTES],
}

struct Opened<'a> {
    key: &'a DeviceKey,
    account: Uuid,
    device: Device,
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

    /// The same for all known devices of an address together.
    pub(crate) fn devices(&self, email: &Email) -> Uuid {
        self.newest.name(&[b"devices\0", email.normalized().as_bytes()])
    }

    /// What stands for a user name where failures are counted. It is another one than that of the address: user names are public, and
    /// who guesses by one neither learns whose it is nor shuts out who signs in by the address.
    pub(crate) fn account_by_name(&self, name: &Username) -> Uuid {
        self.newest.name(&[b"username\0", name.normalized().as_bytes()])
    }

    /// The same for all known devices, of a name that nobody has.
    pub(crate) fn devices_by_name(&self, name: &Username) -> Uuid {
        self.newest.name(&[b"username devices\0", name.normalized().as_bytes()])
    }

    /// The same in the audit.
    pub(crate) fn name_in_audit(&self, name: &Username) -> Uuid {
        self.newest.name(&[b"username audit\0", name.normalized().as_bytes()])
    }

    /// The same in the audit, where there is no account to name.
    pub(crate) fn in_audit(&self, email: &Email) -> Uuid {
        self.newest.name(&[b"audit\0", email.normalized().as_bytes()])
    }

    pub(crate) fn make(
        &self,
        device: Uuid,
        email: &Email,
        seed: &DeviceSeed,
        epoch: i64,
        now: i64,
    ) -> DeviceToken {
        let key = &self.newest;
        let proof = key.proof(device, seed, epoch);
        let (account, issued_at) = (key.account(email), now.to_be_bytes());
        let content = joined::<CONTENT_BYTES>(&[device.as_bytes(), account.as_bytes(), &issued_at, &proof]);
        let mac = joined(&[hmac::sign(&key.device, &content).as_ref()]);
        DeviceToken::new(Opaque { key_id: key.id, content, mac }.write())
    }

    /// Which device of ours this is, whoever signed in there.
    pub(crate) fn id_of(&self, token: &DeviceToken, now: i64) -> Option<Uuid> {
        Some(self.open(token, now)?.device.id)
    }

    /// The device, if it is one on which somebody signed in with this address.
    pub(crate) fn device_of(&self, token: &DeviceToken, email: &Email, now: i64) -> Option<Device> {
        let Opened { key, account, device } = self.open(token, now)?;
        (key.account(email) == account).then_some(device)
    }

    /// Whether somebody signed in there to the account with this seed, and in this epoch of it. Compares in constant time.
    pub(crate) fn is_of(&self, device: &Device, seed: &DeviceSeed, epoch: i64) -> bool {
        let mut keys = self.all().filter(|key| key.id == device.key_id);
        keys.any(|key| verify_slices_are_equal(&key.proof(device.id, seed, epoch), &device.proof).is_ok())
    }

    fn all(&self) -> impl Iterator<Item = &DeviceKey> {
        std::iter::once(&self.newest).chain(&self.previous)
    }

    fn open(&self, token: &DeviceToken, now: i64) -> Option<Opened<'_>> {
        let Opaque { key_id, content, mac } = Opaque::<CONTENT_BYTES>::parse(token.expose())?;
        let (device, rest) = content.split_first_chunk::<16>()?;
        let (account, rest) = rest.split_first_chunk::<16>()?;
        let (issued_at, proof) = rest.split_first_chunk::<8>()?;
        if now >= i64::from_be_bytes(*issued_at).saturating_add(duration_millis(KNOWN_FOR)) {
            return None;
        }
        // Compares in constant time.
        let key =
            self.all().find(|key| key.id == key_id && hmac::verify(&key.device, &content, &mac).is_ok())?;
        let device = Device { id: Uuid::from_bytes(*device), key_id, proof: proof.try_into().ok()? };
        Some(Opened { key, account: Uuid::from_bytes(*account), device })
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
            proof: key("device token proof")?,
        })
    }

    fn account(&self, email: &Email) -> Uuid {
        self.name(&[email.normalized().as_bytes()])
    }

    /// Half of a mac: nobody can look for two addresses that share one. What stands before an address ends with a NUL, which no
    /// address has.
    fn name(&self, parts: &[&[u8]]) -> Uuid {
        Uuid::from_bytes(half(&self.account, parts))
    }

    fn proof(&self, device: Uuid, seed: &DeviceSeed, epoch: i64) -> [u8; PROOF_BYTES] {
        half(&self.proof, &[seed.expose(), &epoch.to_be_bytes(), device.as_bytes()])
    }
}

fn half(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = hmac::Context::with_key(key);
    for part in parts {
        mac.update(part);
    }
    mac.sign().as_ref().first_chunk().copied().unwrap_or_default()
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

    fn seed(byte: u8) -> DeviceSeed {
        DeviceSeed::new([byte; 32])
    }

    fn make(keys: &DeviceKeys, email: &Email, now: i64) -> DeviceToken {
        keys.make(DEVICE, email, &seed(9), 3, now)
    }

    fn id_of(keys: &DeviceKeys, token: &DeviceToken, email: &Email) -> Option<Uuid> {
        keys.device_of(token, email, 0).map(|device| device.id)
    }

    #[test]
    fn a_device_is_known_for_its_own_account_for_a_year() {
        let (keys, ada, bob) = (keys(1), email("Ada@Example.com"), email("bob@example.com"));
        let token = make(&keys, &ada, 1000);
        assert_eq!(token.expose().len(), Opaque::<CONTENT_BYTES>::CHARS);
        assert_eq!(id_of(&keys, &token, &email(" ada@example.com")), Some(DEVICE));
        assert_eq!(id_of(&keys, &token, &bob), None);
        assert!(keys.id_of(&token, 1000 + YEAR - 1).is_some() && keys.id_of(&token, 1000 + YEAR).is_none());
    }

    #[test]
    fn a_device_stays_known_while_the_secret_that_made_its_token_is_kept() {
        let (old, ada) = (keys(1), email("ada@example.com"));
        let both = DeviceKeys::new(&Keys::new(secret(2)).previous(secret(1))).unwrap();
        let (before, after) = (make(&old, &ada, 0), make(&both, &ada, 0));
        for token in [&before, &after] {
            let device = both.device_of(token, &ada, 0).unwrap();
            assert!(device.id == DEVICE && both.is_of(&device, &seed(9), 3));
        }
        assert_eq!((id_of(&keys(2), &before, &ada), id_of(&old, &after, &ada)), (None, None));
    }

    #[test]
    fn a_device_is_one_of_the_account_with_its_seed_and_epoch_only() {
        let (keys, ada) = (keys(1), email("ada@example.com"));
        let device = keys.device_of(&make(&keys, &ada, 0), &ada, 0).unwrap();
        assert!(keys.is_of(&device, &seed(9), 3));
        assert!(!keys.is_of(&device, &seed(9), 4), "since then there is a new password");
        // Whoever has the secret alone, like a service that verifies HS tokens with it, does not know the seed.
        assert!(!keys.is_of(&device, &seed(0), 3));
        let other = Device { id: Uuid::from_bytes([8; 16]), ..device };
        assert!(!keys.is_of(&other, &seed(9), 3));
    }

    #[test]
    fn a_device_of_the_version_before_is_unknown() {
        let (keys, ada) = (keys(1), email("ada@example.com"));
        let content: [u8; 40] =
            joined(&[DEVICE.as_bytes(), keys.account(&ada).as_bytes(), &0_i64.to_be_bytes()]);
        let key_id = keys.newest.id;
        for signed in [content.to_vec(), [&[1][..], &key_id, &content].concat()] {
            let mac = joined(&[hmac::sign(&keys.newest.device, &signed).as_ref()]);
            let before = Opaque { key_id, content, mac }.write();
            assert!(keys.id_of(&DeviceToken::new(before), 0).is_none());
        }
    }

    #[test]
    fn an_account_is_counted_under_a_name_that_only_the_secret_makes() {
        let ada = email("ada@example.com");
        assert_eq!(keys(1).account(&ada), keys(1).account(&email("ADA@example.com")));
        assert_ne!(keys(1).account(&ada), keys(1).account(&email("bob@example.com")));
        assert_ne!(keys(1).account(&ada), keys(2).account(&ada));
        assert_ne!(keys(1).account(&ada), keys(1).devices(&ada));
        assert_ne!(keys(1).account(&ada), keys(1).in_audit(&ada));
    }

    proptest! {
        #[test]
        fn whatever_was_not_made_here_is_unknown_and_no_panic(text in "\\PC{0,120}") {
            prop_assert!(keys(1).id_of(&DeviceToken::new(text), 0).is_none());
        }

        #[test]
        fn no_changed_character_leaves_a_device_known(at in 0..Opaque::<CONTENT_BYTES>::CHARS, to in "[A-Za-z0-9_-]") {
            let keys = keys(1);
            let token = make(&keys, &email("ada@example.com"), 0).expose().to_owned();
            let mut changed = token.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != token);
            prop_assert!(keys.id_of(&DeviceToken::new(changed), 0).is_none());
        }
    }
}
