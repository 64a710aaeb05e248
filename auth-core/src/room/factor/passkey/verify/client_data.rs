//! What the browser says that it did (WebAuthn Level 3 section 5.8.1): JSON, with members that may be added in the future.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// Longer than any that a browser writes.
const MOST_BYTES: usize = 8192;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    pub(super) kind: String,
    challenge: String,
    pub(super) origin: String,
    #[serde(default)]
    pub(super) cross_origin: bool,
    pub(super) top_origin: Option<serde::de::IgnoredAny>,
}

impl ClientData {
    /// A member that is there twice is refused, so that there is one reading of it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }

    pub(super) fn challenge(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&self.challenge).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_future_are_passed_over_and_doubled_ones_refused() {
        let read = |json: &str| ClientData::read(json.as_bytes());
        let known = r#""type":"webauthn.get","challenge":"AAE","origin":"https://example.org""#;
        let data = read(&format!("{{{known},\"other\":{{\"a\":[1]}}}}")).unwrap();
        assert_eq!((data.kind.as_str(), data.origin.as_str()), ("webauthn.get", "https://example.org"));
        assert_eq!((data.challenge(), data.cross_origin), (Some(vec![0, 1]), false));
        assert!(data.top_origin.is_none());
        assert!(
            read(&format!("{{{known},\"topOrigin\":\"https://a.example\"}}")).unwrap().top_origin.is_some()
        );
        assert!(read(&format!("{{{known},\"crossOrigin\":true}}")).unwrap().cross_origin);
        for bad in [
            format!("{{{known},\"origin\":\"https://evil.example\"}}"),
            format!("{{{known},\"crossOrigin\":\"true\"}}"),
            format!("{{{known}}} x"),
            format!("\u{feff}{{{known}}}"),
            format!("{{{known},\"other\":\"{}\"}}", "a".repeat(MOST_BYTES)),
            r#"{"type":"webauthn.get","challenge":"AAE"}"#.to_owned(),
        ] {
            assert!(read(&bad).is_none(), "{bad}");
        }
        let padded = format!("{{{}}}", known.replace("AAE", "AA=="));
        assert_eq!(read(&padded).unwrap().challenge(), None);
    }
}
