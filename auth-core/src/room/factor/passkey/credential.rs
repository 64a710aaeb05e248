//! What a browser sends (`PublicKeyCredential.toJSON()`, WebAuthn Level 3 section 5.1): JSON with bytes in base64url.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::verify::is_credential_id;

/// How an authenticator can be reached (section 5.8.4). Others are left out.
const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

#[derive(Deserialize)]
struct Written {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: Option<String>,
    transports: Option<Vec<String>>,
    authenticator_data: Option<String>,
    signature: Option<String>,
    user_handle: Option<String>,
}

/// A new one.
pub(super) struct Made {
    pub(super) client_data: Vec<u8>,
    pub(super) attestation_object: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) transports: String,
}

/// One that has signed.
pub(super) struct Signed {
    pub(super) id: Vec<u8>,
    pub(super) client_data: Vec<u8>,
    pub(super) authenticator_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) user_handle: Option<Vec<u8>>,
}

fn read(json: &str) -> Option<(Vec<u8>, Response)> {
    let written: Written = serde_json::from_str(json).ok()?;
    let id = bytes(&written.id).filter(|id| is_credential_id(id))?;
    (written.kind == "public-key").then_some((id, written.response))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl Made {
    pub(super) fn read(json: &str) -> Option<Self> {
        let (id, response) = read(json)?;
        let told = response.transports.unwrap_or_default();
        let known = TRANSPORTS.into_iter().filter(|known| told.iter().any(|told| told == known));
        Some(Self {
            id,
            client_data: bytes(&response.client_data)?,
            attestation_object: bytes(&response.attestation_object?)?,
            transports: known.collect::<Vec<_>>().join(" "),
        })
    }
}

impl Signed {
    pub(super) fn read(json: &str) -> Option<Self> {
        let (id, response) = read(json)?;
        Some(Self {
            id,
            client_data: bytes(&response.client_data)?,
            authenticator_data: bytes(&response.authenticator_data?)?,
            signature: bytes(&response.signature?)?,
            user_handle: response.user_handle.map(|handle| bytes(&handle).ok_or(())).transpose().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: String, id: String, part: String) {
            let response = serde_json::json!({
                "clientDataJSON": part, "attestationObject": part, "authenticatorData": part, "signature": part,
                "userHandle": part, "transports": [part],
            });
            let written = serde_json::json!({"id": id, "type": "public-key", "response": response}).to_string();
            for json in [text, written] {
                Made::read(&json);
                Signed::read(&json);
            }
        }
    }

    #[test]
    fn a_credential_is_read_as_a_browser_writes_it_and_nothing_else_is() {
        let signed = |change: fn(&mut serde_json::Value)| {
            let mut written = serde_json::json!({
                "id": "AAE", "rawId": "AAE", "type": "public-key", "authenticatorAttachment": null,
                "clientExtensionResults": {"credProps": {"rk": true}},
                "response": {
                    "clientDataJSON": "e30", "authenticatorData": "AQ", "signature": "Ag", "userHandle": null,
                    "publicKeyAlgorithm": -7,
                },
            });
            change(&mut written);
            Signed::read(&written.to_string())
        };
        let read = signed(|_| {}).unwrap();
        assert_eq!((read.id, read.client_data, read.user_handle), (vec![0, 1], b"{}".to_vec(), None));
        assert!(signed(|written| written["type"] = "password".into()).is_none());
        assert!(signed(|written| written["id"] = "".into()).is_none());
        assert!(signed(|written| written["id"] = "A".repeat(1366).into()).is_none(), "1024 bytes");
        assert!(signed(|written| written["id"] = "A".repeat(1364).into()).is_some(), "1023 bytes");
        assert!(signed(|written| written["id"] = "A+8".into()).is_none(), "another alphabet");
        assert!(signed(|written| written["response"]["signature"] = "Ag==".into()).is_none(), "padded");
        assert!(signed(|written| written["response"]["signature"] = serde_json::Value::Null).is_none());
        assert!(Signed::read("[]").is_none());
    }
}
