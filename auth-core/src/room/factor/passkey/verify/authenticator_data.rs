//! What the authenticator signs (WebAuthn Level 3 section 6.1).

use super::cbor;

/// CTAP 2.1 section 6.1.2 and WebAuthn section 5.8.3: none is longer.
pub(super) const CREDENTIAL_ID_MOST: usize = 1023;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

#[expect(clippy::struct_excessive_bools, reason = "the flags of the specification")]
pub(super) struct AuthenticatorData<'a> {
    pub(super) rp_id_hash: &'a [u8; 32],
    pub(super) user_present: bool,
    pub(super) user_verified: bool,
    pub(super) backup_eligible: bool,
    pub(super) backed_up: bool,
    pub(super) counter: u32,
    /// At a registration.
    pub(super) credential: Option<Credential<'a>>,
}

pub(super) struct Credential<'a> {
    pub(super) aaguid: &'a [u8; 16],
    pub(super) id: &'a [u8],
    /// As it was written, in COSE.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// All of it: nothing may be left over.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>()?;
        let (&[flags], rest) = rest.split_first_chunk::<1>()?;
        let (counter, mut rest) = rest.split_first_chunk::<4>()?;
        let has = |flag| flags & flag != 0;
        let mut credential = None;
        if has(HAS_CREDENTIAL) {
            let read;
            (read, rest) = Credential::read(rest)?;
            credential = Some(read);
        }
        if has(HAS_EXTENSIONS) {
            let extensions;
            (extensions, rest) = cbor::first(rest)?;
            if !matches!(extensions, cbor::Value::Map(_)) {
                return None;
            }
        }
        rest.is_empty().then_some(Self {
            rp_id_hash,
            user_present: has(USER_PRESENT),
            user_verified: has(USER_VERIFIED),
            backup_eligible: has(BACKUP_ELIGIBLE),
            backed_up: has(BACKED_UP),
            counter: u32::from_be_bytes(*counter),
            credential,
        })
    }
}

impl<'a> Credential<'a> {
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (aaguid, rest) = bytes.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if !(1..=CREDENTIAL_ID_MOST).contains(&length) {
            return None;
        }
        let (id, key) = rest.split_at_checked(length)?;
        let (_, rest) = cbor::first(key)?;
        let public_key = key.get(..key.len().checked_sub(rest.len())?)?;
        Some((Self { aaguid, id, public_key }, rest))
    }
}
