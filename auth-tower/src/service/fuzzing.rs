//! For a fuzzer: `.ci/fuzz`.

use super::{form, json, multipart};

/// The body of a request, as each of its kinds. The delimiter of parts is `B`.
///
/// # Panics
/// If what was read is another thing when it is written and read again, which is what the fuzzer looks for.
pub fn body(body: &[u8]) {
    if let Some(read) = json::parse(body) {
        let written = serde_json::to_vec(&read).unwrap_or_default();
        let again = json::parse(&written).and_then(|again| serde_json::to_vec(&again).ok());
        assert_eq!(again, Some(written));
    }
    form::parse(body);
    let _ = multipart::parse(body, "B");
}
