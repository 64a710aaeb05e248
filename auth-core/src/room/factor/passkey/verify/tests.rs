//! The test vectors of the W3C (Web Authentication Level 3), and what becomes of each when a bit of it is another.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../../../tests/it/data/webauthn/vectors.json");

/// Of algorithms that are not supported.
const REFUSED: [&str; 3] = ["packed-es384", "packed-es512", "packed-ed448"];

struct Vector {
    name: String,
    registration: Value,
    authentication: Value,
}

fn vectors() -> Vec<Vector> {
    let read: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let vector = |read: Value| Vector {
        name: read["name"].as_str().unwrap().to_owned(),
        registration: read["registration"].clone(),
        authentication: read["authentication"].clone(),
    };
    read.into_iter().map(vector).collect()
}

fn bytes(of: &Value, name: &str) -> Vec<u8> {
    let hex = of[name].as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The three parts of an assertion.
fn assertion(vector: &Vector) -> [Vec<u8>; 3] {
    ["clientDataJSON", "authenticatorData", "signature"].map(|name| bytes(&vector.authentication, name))
}

fn registration(vector: &Vector) -> [Vec<u8>; 2] {
    ["clientDataJSON", "attestationObject"].map(|name| bytes(&vector.registration, name))
}

/// With one bit of it changed, for each bit.
fn flips(bytes: &[u8]) -> impl Iterator<Item = (usize, u8, Vec<u8>)> + '_ {
    let bits = (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit)));
    bits.map(|(at, bit)| {
        let mut changed = bytes.to_vec();
        changed[at] ^= bit;
        (at, bit, changed)
    })
}

#[test]
fn twelve_vectors_of_the_w3c_are_accepted_and_those_of_other_algorithms_refused() {
    let mut accepted = 0;
    for vector in vectors() {
        let [client_data, attestation_object] = registration(&vector);
        let Some(new) = registered(&client_data, &attestation_object) else {
            assert!(REFUSED.contains(&vector.name.as_str()), "{}", vector.name);
            continue;
        };
        accepted += 1;
        assert_eq!(new.id, bytes(&vector.registration, "credential_id"), "{}", vector.name);
        assert_eq!(new.aaguid.to_vec(), bytes(&vector.registration, "aaguid"), "{}", vector.name);
        assert_eq!(new.facts.challenge, bytes(&vector.registration, "challenge"), "{}", vector.name);
        let [client_data, authenticator_data, signature] = assertion(&vector);
        let facts = asserted(&new.public_key, &client_data, &authenticator_data, &signature).unwrap();
        assert_eq!(facts.challenge, bytes(&vector.authentication, "challenge"), "{}", vector.name);
    }
    assert_eq!(accepted, 12);
}

#[test]
fn what_is_no_page_of_the_sites_own_or_not_verified_or_for_something_else_is_not_wanted() {
    let ours = RelyingParty::new("example.org", &["https://example.org".to_owned()]);
    let others = [
        RelyingParty::new("example.com", &["https://example.org".to_owned()]),
        RelyingParty::new("example.org", &["https://www.example.org".to_owned()]),
    ];
    let mut wanted = 0;
    for vector in vectors() {
        let [client_data, attestation_object] = registration(&vector);
        let Some(new) = registered(&client_data, &attestation_object) else { continue };
        let is_framed = vector.name.ends_with("-crossOrigin") || vector.name.ends_with("-topOrigin");
        let is_wanted = ours.wants(Ceremony::Create, &new.facts);
        assert_eq!(is_wanted, new.facts.user_verified && !is_framed, "{}", vector.name);
        wanted += usize::from(is_wanted);
        assert!(!ours.wants(Ceremony::Get, &new.facts), "{}", vector.name);
        assert!(others.iter().all(|other| !other.wants(Ceremony::Create, &new.facts)), "{}", vector.name);
        let without = |change: fn(&mut Facts)| {
            let [client_data, attestation_object] = registration(&vector);
            let mut facts = registered(&client_data, &attestation_object).unwrap().facts;
            change(&mut facts);
            ours.wants(Ceremony::Create, &facts)
        };
        assert!(!without(|facts| facts.user_present = false), "{}", vector.name);
        assert!(!without(|facts| facts.user_verified = false), "{}", vector.name);
        assert!(
            !without(|facts| (facts.backup_eligible, facts.backed_up) = (false, true)),
            "{}",
            vector.name
        );
    }
    assert!(wanted > 0);
}

#[test]
fn an_assertion_with_one_bit_changed_or_its_end_missing_is_refused() {
    for vector in vectors() {
        let [client_data, attestation_object] = registration(&vector);
        let Some(new) = registered(&client_data, &attestation_object) else { continue };
        let parts = assertion(&vector);
        let check = |place: usize, changed: Vec<u8>| {
            let mut parts = parts.clone();
            parts[place] = changed;
            let [client_data, authenticator_data, signature] = &parts;
            asserted(&new.public_key, client_data, authenticator_data, signature).is_none()
        };
        for (place, part) in parts.iter().enumerate() {
            for (at, bit, changed) in flips(part) {
                assert!(check(place, changed), "{}: part {place}, byte {at}, bit {bit}", vector.name);
            }
            for length in 0..part.len() {
                assert!(
                    check(place, part[..length].to_vec()),
                    "{}: part {place}, {length} bytes",
                    vector.name
                );
            }
        }
    }
}

#[test]
fn a_registration_with_one_bit_changed_is_refused_or_is_that_of_another_credential() {
    let ours = RelyingParty::new("example.org", &["https://example.org".to_owned()]);
    for vector in vectors() {
        let [client_data, attestation_object] = registration(&vector);
        let Some(new) = registered(&client_data, &attestation_object) else { continue };
        let [get_data, authenticator_data, signature] = assertion(&vector);
        let what = |new: &Registered| {
            let Facts { backup_eligible, backed_up, counter, user_present, user_verified, .. } = new.facts;
            let flags = (backup_eligible, backed_up, counter, user_present, user_verified);
            (new.aaguid, new.id.clone(), new.public_key.clone(), new.facts.rp_id_hash, flags)
        };
        let hash = sha256(b"example.org");
        let data = attestation_object.windows(32).position(|window| window == hash).unwrap();
        for (at, bit, changed) in flips(&attestation_object) {
            let Some(other) = registered(&client_data, &changed) else { continue };
            // Nobody signs these for us: what attestation says, and two bits that are kept for the future.
            let is_unsigned = at < data || (at == data + 32 && [1 << 1, 1 << 5].contains(&bit));
            assert!(is_unsigned || what(&other) != what(&new), "{}: byte {at}, bit {bit}", vector.name);
            if other.public_key != new.public_key {
                let taken = asserted(&other.public_key, &get_data, &authenticator_data, &signature);
                assert!(taken.is_none(), "{}: byte {at}, bit {bit}", vector.name);
            }
        }
        for length in 0..attestation_object.len() {
            assert!(registered(&client_data, &attestation_object[..length]).is_none(), "{}", vector.name);
        }
        // What the browser says: type, challenge, origin, frame. Other members are nobody's.
        let members = client_data.windows(11).position(|window| window == b",\"extraData");
        for (at, bit, changed) in flips(&client_data) {
            let Some(other) = registered(&changed, &attestation_object) else { continue };
            let is_other = other.facts.challenge != new.facts.challenge
                || !ours.wants(Ceremony::Create, &other.facts)
                // A name that is another's says nothing.
                || !ours.wants(Ceremony::Create, &new.facts)
                || changed.windows(13).all(|window| window != b"\"crossOrigin\"");
            assert!(
                members.is_some_and(|from| at >= from) || is_other,
                "{}: byte {at}, bit {bit}",
                vector.name
            );
        }
        for length in 0..client_data.len() {
            assert!(registered(&client_data[..length], &attestation_object).is_none(), "{}", vector.name);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(vector in 0..15_usize, part in 0..5_usize, at: u16, cut: u16, put: Vec<u8>) {
        let vector = &vectors()[vector];
        let [mut create_data, mut attestation_object] = registration(vector);
        let [mut get_data, mut authenticator_data, mut signature] = assertion(vector);
        let parts: [&mut Vec<u8>; 5] =
            [&mut create_data, &mut attestation_object, &mut get_data, &mut authenticator_data, &mut signature];
        let changed = &mut *parts.into_iter().nth(part).unwrap();
        let from = usize::from(at) % changed.len();
        let to = (from + usize::from(cut) % 64).min(changed.len());
        changed.splice(from..to, put);
        if let Some(new) = registered(&create_data, &attestation_object) {
            asserted(&new.public_key, &get_data, &authenticator_data, &signature);
        }
    }

    /// Not by way of a vector: as the bytes come, and behind a front that is right, so that they get further.
    #[test]
    fn whatever_comes_in_the_place_of_a_part_is_read_without_a_panic(
        put: Vec<u8>, flags: u8, key in prop::collection::vec(any::<u8>(), 0..600), exponent in prop::collection::vec(any::<u8>(), 0..8)
    ) {
        let data = |after: &[u8]| [&[7; 32][..], &[flags], &[0, 0, 0, 1], after].concat();
        // One id of four bytes, and then the key.
        let credential = |key: &[u8]| data(&[&[0; 16][..], &[0, 4, 1, 2, 3, 4], key].concat());
        let string = |of: &[u8]| [&[0x59][..], &u16::try_from(of.len()).unwrap().to_be_bytes(), of].concat();
        let object = |data: &[u8]| [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData"[..], &string(data)].concat();
        let rsa = [&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20][..], &string(&key), &[0x21], &[0x40 | u8::try_from(exponent.len()).unwrap()], &exponent].concat();
        let keys = [put.clone(), [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20][..], &put].concat(), rsa];
        for key in &keys {
            PublicKey::read(key);
            asserted(key, b"{}", &data(&[]), &put);
            registered(b"{}", &object(&credential(key)));
        }
        for data in [put.clone(), data(&put), credential(&put)] {
            AuthenticatorData::read(&data);
            registered(&put, &object(&data));
        }
        registered(&put, &put);
        ClientData::read(&put);
    }

    #[test]
    fn whatever_is_written_into_what_the_browser_says_is_read_without_a_panic(kind: String, challenge: String, origin: String, more: String) {
        let written = serde_json::json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false, "topOrigin": more});
        let read = ClientData::read(written.to_string().as_bytes());
        prop_assert!(read.is_some_and(|data| data.kind == kind && data.origin == origin && data.top_origin.is_some()));
        ClientData::read(format!("{{\"type\":{more},\"challenge\":\"{challenge}\",\"origin\":\"{origin}\"}}").as_bytes());
    }
}

/// One case a line for other verifiers, with what this one says of it: `.ci/passkeys` asks them.
#[cfg(feature = "test-util")]
#[test]
#[ignore = "prints what other verifiers are asked about"]
#[expect(clippy::print_stdout, reason = "what a script reads")]
fn other_verifiers_are_given_the_same_cases() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use crate::test_util::SoftwareAuthenticator;

    let site = "example.org";
    let party = RelyingParty::new(site, &["https://example.org".to_owned()]);
    let handle = URL_SAFE_NO_PAD.encode([7; 16]);
    let draw = |n: u32, salt: u8| sha256(&[&n.to_be_bytes()[..], &[salt]].concat());
    for n in 0..10_000_u32 {
        let [kind, at, bit, ..] = draw(n, 0);
        let mut authenticator = SoftwareAuthenticator::on("https://example.org");
        authenticator.counter = u32::from(at);
        let challenge = URL_SAFE_NO_PAD.encode(draw(n, 1));
        let asked = json!({"rp": {"id": site}, "user": {"id": handle}, "challenge": challenge});
        if kind % 16 == 1 {
            authenticator.verifies_user = false;
        }
        if kind % 16 == 2 {
            authenticator.user_is_present = false;
        }
        if kind % 16 == 3 {
            authenticator.origin = "https://example.com".to_owned();
        }
        if kind % 16 == 4 {
            authenticator.backup_eligible = false;
        }
        if kind % 16 == 5 {
            (authenticator.backup_eligible, authenticator.backed_up) = (false, false);
        }
        let made: Value = serde_json::from_str(&authenticator.create_for(&asked.to_string())).unwrap();
        let asked = json!({"rpId": site, "challenge": challenge, "allowCredentials": []});
        let signed: Value = serde_json::from_str(&authenticator.sign_for(&asked.to_string())).unwrap();
        // Half of those that are left have a bit of one of their parts changed.
        let is_changed = kind % 16 > 5 && kind % 2 == 0;
        let spoil = |credential: &Value, parts: &[&str]| {
            let mut credential = credential.clone();
            if is_changed {
                let part = &mut credential["response"][parts[usize::from(kind / 16) % parts.len()]];
                let mut bytes = URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap();
                let place = usize::from(at) % bytes.len();
                bytes[place] ^= 1 << (bit % 8);
                *part = URL_SAFE_NO_PAD.encode(bytes).into();
            }
            credential
        };
        let part = |credential: &Value, name: &str| {
            URL_SAFE_NO_PAD.decode(credential["response"][name].as_str().unwrap()).unwrap()
        };
        let new = registered(&part(&made, "clientDataJSON"), &part(&made, "attestationObject")).unwrap();
        let made = spoil(&made, &["clientDataJSON", "attestationObject"]);
        let registers = registered(&part(&made, "clientDataJSON"), &part(&made, "attestationObject"))
            .is_some_and(|it| {
                URL_SAFE_NO_PAD.encode(&it.id) == made["id"].as_str().unwrap()
                    && it.facts.challenge == draw(n, 1)
                    && party.wants(Ceremony::Create, &it.facts)
            });
        let signed = spoil(&signed, &["clientDataJSON", "authenticatorData", "signature"]);
        let signs = asserted(
            &new.public_key,
            &part(&signed, "clientDataJSON"),
            &part(&signed, "authenticatorData"),
            &part(&signed, "signature"),
        )
        .is_some_and(|facts| facts.challenge == draw(n, 1) && party.wants(Ceremony::Get, &facts));
        let case = json!({
            "challenge": challenge, "made": made, "registers": registers, "signed": signed, "signs": signs,
            "id": URL_SAFE_NO_PAD.encode(&new.id), "public_key": URL_SAFE_NO_PAD.encode(&new.public_key),
        });
        println!("{case}");
    }
}
