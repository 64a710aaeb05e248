//! Addresses for a browser to go to. A page elsewhere can load them as an image, a frame or a script, once for each that it has:
//! that is refused before it is counted, or all who share the reader's network would wait for it.

use http::{HeaderMap, StatusCode, header::HeaderName};

use crate::problem::Problem;

const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Fetch says so of what is loaded in case somebody goes there; the second name is an older one.
const PURPOSES: [HeaderName; 2] =
    [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose")];

/// # Errors
/// The browser says that nobody goes there. One that says nothing is let in, and what is no browser.
pub(crate) fn only(headers: &HeaderMap) -> Result<(), Problem> {
    let all = |name: &HeaderName, right: &[&str]| {
        headers.get_all(name).iter().all(|value| right.iter().any(|right| value == right))
    };
    // A service worker that passes a navigation on says nothing of where it leads.
    let destinations: &[&str] =
        if headers.contains_key(MODE) { &["document", "empty"] } else { &["document"] };
    let is_ahead = PURPOSES
        .iter()
        .flat_map(|name| headers.get_all(name))
        .any(|purpose| purpose.as_bytes().to_ascii_lowercase().windows(8).any(|part| part == b"prefetch"));
    if all(&MODE, &["navigate"]) && all(&DESTINATION, destinations) && !is_ahead {
        return Ok(());
    }
    let detail = "This address is for a browser to go to, not for a page to load.";
    Err(Problem::new(StatusCode::FORBIDDEN, "not_a_navigation", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_let_in(headers: &[(&'static str, &'static str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect::<HeaderMap>();
        only(&headers).is_ok()
    }

    #[test]
    fn whoever_goes_there_is_let_in_and_what_a_page_loads_is_not() {
        for headers in [
            &[][..],
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-fetch-site", "cross-site"),
            ],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "empty")],
            &[("sec-fetch-mode", "navigate")],
            &[("sec-fetch-dest", "document")],
        ] {
            assert!(is_let_in(headers), "{headers:?}");
        }
        for headers in [
            &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")][..],
            &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
            &[
                ("sec-fetch-mode", "same-origin"),
                ("sec-fetch-dest", "empty"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "object")],
            &[("sec-fetch-mode", "websocket")],
            &[("sec-fetch-mode", "")],
            &[("sec-fetch-dest", "empty")],
            &[("sec-fetch-dest", "script")],
            &[
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
                ("sec-purpose", "prefetch;prerender"),
            ],
            &[("purpose", "Prefetch")],
        ] {
            assert!(!is_let_in(headers), "{headers:?}");
        }
    }
}
