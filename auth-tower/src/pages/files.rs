//! The files that go with the pages: a style, a script, a picture for the tab. Each is asked for under an address that changes with it,
//! so that browsers may keep it for ever.

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

use crate::Body;

/// A file that is part of the program.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    media_type: &'static str,
    text: &'static str,
    /// What is told of the text in the address: as long as nobody but us writes it, no more than that it has changed.
    pub(super) version: u64,
}

pub(super) const STYLE: File =
    File::new("/style.css", "text/css; charset=utf-8", include_str!("templates/style.css"));
pub(super) const SCRIPT: File =
    File::new("/script.js", "text/javascript; charset=utf-8", include_str!("templates/script.js"));
pub(super) const ICON: File = File::new("/icon.svg", "image/svg+xml", include_str!("templates/icon.svg"));

pub(super) const FILES: &[File] = &[STYLE, SCRIPT, ICON];

impl File {
    const fn new(path: &'static str, media_type: &'static str, text: &'static str) -> Self {
        Self { path, media_type, text, version: fnv(text.as_bytes()) }
    }

    /// The address of it for a page, below where the pages are mounted.
    pub(super) fn address(&self) -> String {
        format!("{}?v={:x}", self.path, self.version)
    }

    /// Under another version's address, as while a new version is rolled out, it is not kept.
    pub(super) fn answer(&self, query: Option<&str>) -> Response<Body> {
        let is_this = query.is_some_and(|query| self.address().ends_with(&format!("?{query}")));
        let kept = if is_this { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut response = Response::new(Body::bytes(Bytes::from_static(self.text.as_bytes())));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        response
    }
}

/// FNV-1a, of 64 bits.
const fn fnv(bytes: &[u8]) -> u64 {
    let (mut hash, mut rest) = (0xcbf2_9ce4_8422_2325_u64, bytes);
    while let [byte, after @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_for_ever_under_its_own_address_only() {
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
        let kept = |query: Option<&str>| STYLE.answer(query).headers()[CACHE_CONTROL].clone();
        let address = STYLE.address();
        assert!(
            kept(address.split_once('?').map(|(_, query)| query)).to_str().unwrap().contains("immutable")
        );
        for other in [None, Some(""), Some("v=0"), Some("v")] {
            assert_eq!(kept(other), "no-cache", "{other:?}");
        }
    }
}
