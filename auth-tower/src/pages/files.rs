//! The files that go with the pages: a style, a script, a picture. Each is asked for under an address that changes with it, so that
//! browsers may keep it for ever.

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};

use super::brand::{Accent, Logo};
use crate::Body;

/// What is part of the program.
pub(super) const STYLE: &[u8] = include_bytes!("templates/style.css");
const SCRIPT: &[u8] = include_bytes!("templates/script.js");
const ICON: &[u8] = include_bytes!("templates/icon.svg");

/// Where files are, below where the pages are mounted.
pub(super) const PATHS: &[&str] = &["/style.css", "/script.js", "/icon.svg", "/logo"];
/// Pictures have a style of their own at most; nothing in them runs, whoever opens them.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; sandbox";

/// A file.
#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    media_type: &'static str,
    bytes: Bytes,
    /// What is told of the content in the address: as long as nobody but us and the host writes it, no more than that it has changed.
    version: u64,
}

/// All that a page loads.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) style: File,
    pub(super) script: File,
    /// At the top and in the tab: the host's, or ours.
    pub(super) picture: File,
}

impl Files {
    /// With what a host has of its own, which comes after ours.
    pub(super) fn new(accent: Option<Accent>, style: Option<&str>, logo: Option<Logo>) -> Self {
        let mut all = STYLE.to_vec();
        all.extend(accent.map(Accent::style).unwrap_or_default().into_bytes());
        all.extend(style.unwrap_or_default().as_bytes());
        let picture = match logo {
            Some(logo) => File::new("/logo", logo.media_type, logo.bytes),
            None => File::new("/icon.svg", "image/svg+xml", Bytes::from_static(ICON)),
        };
        Self {
            style: File::new("/style.css", "text/css; charset=utf-8", all.into()),
            script: File::new("/script.js", "text/javascript; charset=utf-8", Bytes::from_static(SCRIPT)),
            picture,
        }
    }

    pub(super) fn find(&self, path: &str) -> Option<&File> {
        [&self.style, &self.script, &self.picture].into_iter().find(|file| file.path == path)
    }
}

impl File {
    fn new(path: &'static str, media_type: &'static str, bytes: Bytes) -> Self {
        let version = fnv(&bytes);
        Self { path, media_type, bytes, version }
    }

    /// The address of it for a page, below where the pages are mounted.
    pub(super) fn address(&self) -> String {
        format!("{}?v={:x}", self.path, self.version)
    }

    /// Under another version's address, as while a new version is rolled out, it is not kept.
    pub(super) fn answer(&self, query: Option<&str>) -> Response<Body> {
        let is_this = query.is_some_and(|query| self.address().ends_with(&format!("?{query}")));
        let kept = if is_this { "public, max-age=31536000, immutable" } else { "no-cache" };
        let mut response = Response::new(Body::bytes(self.bytes.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
        if self.media_type.starts_with("image/") {
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        }
        response
    }
}

/// FNV-1a, of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_for_ever_under_its_own_address_only() {
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
        let style = Files::new(None, None, None).style;
        let kept = |query: Option<&str>| style.answer(query).headers()[CACHE_CONTROL].clone();
        let address = style.address();
        assert!(
            kept(address.split_once('?').map(|(_, query)| query)).to_str().unwrap().contains("immutable")
        );
        for other in [None, Some(""), Some("v=0"), Some("v")] {
            assert_eq!(kept(other), "no-cache", "{other:?}");
        }
    }

    #[test]
    fn the_style_knows_start_and_end_and_neither_left_nor_right() {
        let style = str::from_utf8(STYLE).unwrap();
        let properties = style.split(['{', ';', '}']).filter_map(|part| Some(part.split_once(':')?.0.trim()));
        // What a query asks of a screen has no other names.
        let properties: Vec<_> = properties.filter(|property| !property.starts_with('@')).collect();
        assert!(properties.contains(&"margin-block-start") && properties.len() > 100, "{properties:?}");
        for property in properties {
            let is_physical = ["left", "right", "top", "bottom", "width", "height"].iter().any(|side| {
                property.split('-').any(|part| part == *side) && property != "border-inline-start-width"
            });
            assert!(!is_physical || property == "line-height", "{property}");
        }
    }

    #[test]
    fn what_a_host_has_of_its_own_comes_after_ours_under_another_address() {
        let (ours, accent) = (Files::new(None, None, None), "#6b21a8".parse().unwrap());
        let theirs = Files::new(Some(accent), Some("main { max-inline-size: 40rem }"), None);
        assert_ne!(ours.style.address(), theirs.style.address());
        let text = String::from_utf8(theirs.style.bytes.to_vec()).unwrap();
        let places = ["--accent: #1f5fd0", "--accent: #6b21a8", "40rem"].map(|part| text.find(part).unwrap());
        assert!(places.is_sorted(), "{places:?}");
        for file in [&theirs.style, &theirs.script, &theirs.picture] {
            assert!(PATHS.contains(&file.path));
        }
    }
}
