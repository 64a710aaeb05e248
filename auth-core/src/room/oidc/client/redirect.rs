//! Where a browser may be sent when it comes back from a provider: nowhere that the host did not name (ASVS 3.7.2).

use url::{Origin, Url};

use crate::ConfigError;

/// Longer than any page of a host; it goes through the database and into a header.
const MAX_BYTES: usize = 1024;

/// The places to which a sign-in may lead.
#[derive(Debug)]
pub(super) struct Targets {
    /// Of this service, as browsers see it.
    base: Url,
    others: Vec<Origin>,
    pub(super) default: String,
}

impl Targets {
    pub(super) fn new(base: &Url, others: &[String], default: &str) -> Result<Self, ConfigError> {
        const OTHERS: &str = "oidc redirect_origin";
        let origin = |text: &String| {
            let url = Url::parse(text).ok().filter(|url| is_web(url) && is_only_origin(url));
            let problem = "must be an origin, as https://app.example.com, without a path";
            url.map(|url| url.origin()).ok_or_else(|| ConfigError::new(OTHERS, problem))
        };
        let others = others.iter().map(origin).collect::<Result<_, _>>()?;
        let targets = Self { base: base.clone(), others, default: String::new() };
        let problem = "must be a path, as /, or an address of this origin or of a redirect_origin";
        let default = targets.allowed(default);
        let default = default.ok_or_else(|| ConfigError::new("oidc default_redirect", problem))?;
        Ok(Self { default, ..targets })
    }

    /// The place as it goes into `Location`, or `None`. A path stays a path.
    pub(super) fn allowed(&self, wanted: &str) -> Option<String> {
        // Browsers take a backslash for a slash and drop tabs and line breaks: `/\host` is `//host` to them.
        let is_plain = |c: char| c != '\\' && !c.is_control() && !c.is_whitespace();
        if wanted.len() > MAX_BYTES || !wanted.chars().all(is_plain) {
            return None;
        }
        if wanted.starts_with('/') {
            let url = self.base.join(wanted).ok()?;
            return (url.origin() == self.base.origin()).then(|| path_of(&url)).flatten();
        }
        let url = Url::parse(wanted).ok().filter(is_web)?;
        let is_known = url.origin() == self.base.origin() || self.others.contains(&url.origin());
        is_known.then(|| url.into())
    }

    /// A checked place with an error in its query.
    pub(super) fn with_error(&self, place: &str, code: &str) -> String {
        let Ok(mut url) = self.base.join(place) else { return place.to_owned() };
        url.query_pairs_mut().append_pair("error", code);
        if place.starts_with('/') { path_of(&url).unwrap_or_else(|| "/".to_owned()) } else { url.into() }
    }
}

/// Everything behind the origin. `None` for a path that would itself be read as the name of a host.
fn path_of(url: &Url) -> Option<String> {
    let path = &url[url::Position::BeforePath..];
    (!path.starts_with("//")).then(|| path.to_owned())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
}

fn is_only_origin(url: &Url) -> bool {
    url.path() == "/" && url.query().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn targets() -> Targets {
        let base = Url::parse("https://auth.example.com/oauth").unwrap();
        Targets::new(&base, &["https://app.example.com".to_owned()], "/").unwrap()
    }

    #[test]
    fn paths_and_known_origins_are_taken_as_they_are() {
        for place in [
            "/",
            "/app",
            "/app?tab=1&x=%20y",
            "/app#top",
            "/%2F%2Fevil.example",
            "/a/?next=//evil.example",
            "https://app.example.com/",
            "https://app.example.com/welcome?x=1",
            "https://auth.example.com/page",
        ] {
            assert_eq!(targets().allowed(place).as_deref(), Some(place), "{place}");
        }
        assert_eq!(targets().allowed("https://APP.example.com:443").unwrap(), "https://app.example.com/");
        assert_eq!(targets().allowed("/a/../b").unwrap(), "/b");
    }

    #[test]
    fn every_way_to_name_another_host_is_refused() {
        for place in [
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2e//evil.example",
            "https://evil.example/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://user@app.example.com/",
            "https://app.example.com:444/",
            "http://app.example.com/",
            "https:app.example.com",
            "https:///evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "app",
            "",
            " /app",
            "/app\r\nSet-Cookie: x=1",
        ] {
            let taken = targets().allowed(place);
            // What the parser reads as the known origin is that origin, however it is written.
            let is_known = |taken: &String| taken.starts_with("https://app.example.com/");
            assert!(taken.as_ref().is_none_or(is_known), "{place:?} leads to {taken:?}");
        }
        assert_eq!(targets().allowed(&format!("/{}", "a".repeat(MAX_BYTES))), None);
    }

    #[test]
    fn an_error_goes_into_the_query_of_the_page_that_was_wanted() {
        for (place, expected) in [
            ("/", "/?error=access_denied"),
            ("/app?tab=1#top", "/app?tab=1&error=access_denied#top"),
            ("https://app.example.com/w?x=%26", "https://app.example.com/w?x=%26&error=access_denied"),
        ] {
            assert_eq!(targets().with_error(place, "access_denied"), expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_with_the_origins_that_were_named(wanted in "[/\\\\.@:?#%a-z\t ]{0,30}") {
            let base = Url::parse("https://auth.example.com/").unwrap();
            if let Some(place) = targets().allowed(&wanted) {
                let host = base.join(&place).unwrap().host_str().unwrap().to_owned();
                prop_assert!(["auth.example.com", "app.example.com"].contains(&host.as_str()), "{}", place);
            }
        }
    }
}
