//! What an authenticator made is read and checked (WebAuthn Level 3 sections 7.1 and 7.2): first whether it is what it says, then
//! whether it is what was asked for. No clock, no store, nothing of an account in here.
//!
//! Attestation is read as far as its form goes, and is not judged: which make somebody's authenticator is does not matter here.

mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
#[cfg(fuzzing)]
pub mod fuzzing;
mod policy;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest;

use self::{
    authenticator_data::{AuthenticatorData, CREDENTIAL_ID_MOST},
    cbor::Value,
    client_data::ClientData,
    cose::PublicKey,
};
pub(crate) use self::{
    cose::ALGORITHMS,
    policy::{Ceremony, RelyingParty},
};

/// Longer than any that an authenticator writes, with the certificates of an attestation.
const ATTESTATION_MOST: usize = 16 * 1024;

/// What became true in a ceremony, told by browser and authenticator; whether it is wanted, [`RelyingParty`] says.
#[expect(clippy::struct_excessive_bools, reason = "the flags of the specification")]
pub(crate) struct Facts {
    kind: String,
    pub(crate) challenge: Vec<u8>,
    origin: String,
    in_a_frame_of_others: bool,
    rp_id_hash: [u8; 32],
    user_present: bool,
    user_verified: bool,
    pub(crate) backup_eligible: bool,
    pub(crate) backed_up: bool,
    pub(crate) counter: u32,
}

/// A new credential.
pub(crate) struct Registered {
    pub(crate) facts: Facts,
    pub(crate) aaguid: [u8; 16],
    pub(crate) id: Vec<u8>,
    /// In COSE, as it was written.
    pub(crate) public_key: Vec<u8>,
}

/// Reads what a registration brought. `None`: it is no such thing, or of an algorithm that is not supported.
pub(crate) fn registered(client_data: &[u8], attestation_object: &[u8]) -> Option<Registered> {
    if attestation_object.len() > ATTESTATION_MOST {
        return None;
    }
    let Value::Map(entries) = cbor::whole(attestation_object)? else { return None };
    let [(format, of_format), (statement, of_statement), (data, of_data)] = entries.as_slice() else {
        return None;
    };
    let names = [format.text()?, statement.text()?, data.text()?];
    if names != ["fmt", "attStmt", "authData"] || of_format.text().is_none() {
        return None;
    }
    if !matches!(of_statement, Value::Map(_)) {
        return None;
    }
    let data = AuthenticatorData::read(of_data.bytes()?)?;
    let credential = data.credential.as_ref()?;
    PublicKey::read(credential.public_key)?;
    Some(Registered {
        aaguid: *credential.aaguid,
        id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        facts: facts(&ClientData::read(client_data)?, &data)?,
    })
}

/// Reads what a credential with this key signed. `None`: it is no such thing, or the signature is wrong.
pub(crate) fn asserted(
    public_key: &[u8],
    client_data: &[u8],
    authenticator_data: &[u8],
    signature: &[u8],
) -> Option<Facts> {
    let data = AuthenticatorData::read(authenticator_data)?;
    let read = ClientData::read(client_data)?;
    let hash = digest::digest(&digest::SHA256, client_data);
    let signed = [authenticator_data, hash.as_ref()].concat();
    if !PublicKey::read(public_key)?.verifies(&signed, signature) {
        return None;
    }
    facts(&read, &data)
}

/// Whether this can be the id of a credential.
pub(crate) fn is_credential_id(id: &[u8]) -> bool {
    (1..=CREDENTIAL_ID_MOST).contains(&id.len())
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

fn facts(client: &ClientData, data: &AuthenticatorData<'_>) -> Option<Facts> {
    Some(Facts {
        kind: client.kind.clone(),
        challenge: client.challenge()?,
        origin: client.origin.clone(),
        in_a_frame_of_others: client.cross_origin || client.top_origin.is_some(),
        rp_id_hash: *data.rp_id_hash,
        user_present: data.user_present,
        user_verified: data.user_verified,
        backup_eligible: data.backup_eligible,
        backed_up: data.backed_up,
        counter: data.counter,
    })
}
