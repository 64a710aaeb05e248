//! For a fuzzer: `.ci/fuzz`.

use super::*;

/// A registration and a sign-in with what it brought, in five parts, each behind its length in two bytes.
///
/// # Panics
/// If what was taken could not be taken again, which is what the fuzzer looks for.
pub fn passkey(mut input: &[u8]) {
    let [create_data, attestation_object, get_data, authenticator_data, signature] =
        [(); 5].map(|()| part(&mut input));
    let party = RelyingParty::new("example.org", &["https://example.org".to_owned()]);
    let Some(new) = registered(create_data, attestation_object) else { return };
    assert!(is_credential_id(&new.id) && PublicKey::read(&new.public_key).is_some());
    party.wants(Ceremony::Create, &new.facts);
    if let Some(facts) = asserted(&new.public_key, get_data, authenticator_data, signature) {
        party.wants(Ceremony::Get, &facts);
        let again = asserted(&new.public_key, get_data, authenticator_data, signature);
        assert!(again.is_some_and(|again| again.challenge == facts.challenge));
    }
}

/// What is left, where there is less than the length says.
fn part<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let Some((length, rest)) = input.split_first_chunk::<2>() else { return &[] };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (part, rest) = rest.split_at(length);
    *input = rest;
    part
}
