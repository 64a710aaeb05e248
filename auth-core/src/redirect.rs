//! Where a browser may be sent: a path of this service, or a page of an origin that is known, and nowhere else (ASVS 3.7.2).

/// As long as any that a host will want; it goes through the database and into a header.
const MAX_BYTES: usize = 1024;

/// A place to which a browser may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A path of this service.
    Path,
    /// A page of this origin.
    Page(&'a str),
}

/// What somebody is to be sent to, if it is a path, or a page of one of these origins (`https://app.example.com`), written to the letter
/// as there. `None`: nobody may be sent there.
///
/// ```
/// use auth_core::{Destination, destination};
///
/// let app = "https://app.example.com";
/// assert_eq!(destination("/account", [app]), Some(Destination::Path));
/// assert_eq!(destination("https://app.example.com/welcome", [app]), Some(Destination::Page(app)));
/// assert_eq!(destination("//evil.example", [app]), None);
/// ```
pub fn destination<'a>(place: &str, origins: impl IntoIterator<Item = &'a str>) -> Option<Destination<'a>> {
    // Browsers take a backslash for a slash and drop tabs and line breaks: `/\host` is `//host` to them.
    let is_plain = place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if !is_plain || place.len() > MAX_BYTES {
        return None;
    }
    if place.starts_with('/') {
        return (!place.starts_with("//")).then_some(Destination::Path);
    }
    let is_within = |origin: &&str| {
        let rest = place.strip_prefix(*origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    };
    origins.into_iter().find(is_within).map(Destination::Page)
}
