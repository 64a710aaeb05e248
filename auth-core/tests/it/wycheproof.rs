//! Project Wycheproof's JSON Web Signature vectors, at the level of signatures: its tokens are not access tokens
//! (their payloads are no claims), so the library beneath [`TokenVerifier`] is called as the verifier calls it.

use auth_core::TokenVerifier;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, jwk::Jwk};
use serde_json::{Value, json};

const VECTORS: &str = include_str!("data/wycheproof/json_web_signature_test.json");

/// Groups whose algorithm is none of ours, by the first and last vector. That their keys are passed over is
/// checked below, so no signature of theirs is ever looked at.
const EXCLUDED: [(u64, u64, &str); 10] = [
    (264, 267, "RS384"),
    (268, 271, "RS512"),
    (272, 319, "PS256"),
    (320, 324, "PS384"),
    (325, 344, "PS512"),
    (346, 346, "PS256"),
    (347, 347, "ES521, as the file calls ES512"),
    (350, 350, "PS256"),
    (351, 351, "ES521, as the file calls ES512"),
    // The key is for encryption.
    (353, 356, "no algorithm of signatures"),
];

/// Vectors whose stated result is not taken over, what is expected instead, and why.
const CORRECTED: [(u64, bool, &str); 4] = [
    (367, true, "byte for byte vector 357, which is valid: the padding that it is about is not in the file"),
    (370, true, "likewise"),
    (372, false, "`?` is no character of base64url; RFC 7515 section 2 allows none outside it"),
    (373, false, "likewise"),
];

fn excluded(id: u64) -> bool {
    EXCLUDED.iter().any(|(first, last, _)| (*first..=*last).contains(&id))
}

/// As the verifier does it: the algorithm is the key's, the token may only agree.
fn is_good(key: &Value, jws: &str) -> bool {
    let algorithm = match key["alg"].as_str() {
        Some("HS256") => Algorithm::HS256,
        Some("RS256") => Algorithm::RS256,
        Some("ES256") => Algorithm::ES256,
        other => panic!("{other:?} is not excluded"),
    };
    let jwk: Jwk = serde_json::from_value(key.clone()).unwrap();
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let Some((message, signature)) = jws.rsplit_once('.') else { return false };
    let Some((header, payload)) = message.split_once('.') else { return false };
    let parsed = URL_SAFE_NO_PAD.decode(header).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let header: Value = parsed.unwrap_or_default();
    header["alg"] == json!(algorithm)
        && header.get("crit").is_none()
        && URL_SAFE_NO_PAD.decode(payload).is_ok()
        && jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap_or(false)
}

#[test]
fn the_signature_vectors_of_project_wycheproof_come_out_as_they_should() {
    TokenVerifier::new(&crate::support::keys(), "us", "them").unwrap();
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut run, mut left_out, mut wrong) = (0, 0, Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let key = if group["public"].is_object() { &group["public"] } else { &group["private"] };
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            if excluded(id) {
                left_out += 1;
                let set = json!({ "keys": [key] }).to_string();
                let refused = TokenVerifier::from_jwks(&set, "us", "them").unwrap_err();
                assert!(refused.problem().starts_with("has no key that could verify"), "{id}: {refused}");
                continue;
            }
            run += 1;
            let good = is_good(key, test["jws"].as_str().unwrap());
            let corrected = CORRECTED.iter().find(|(corrected, ..)| *corrected == id);
            let expected = corrected.map_or(test["result"] == "valid", |(_, expected, _)| *expected);
            if good != expected {
                wrong.push(format!("{id} {} is {}, and was taken: {good}", test["comment"], test["result"]));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!((run, left_out), (312, 89));
    assert_eq!(run + left_out, file["numberOfTests"]);
}
