//! One GET to one address and no other.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use auth_core::http_client::{HttpClient, Limits, Reach, UnusableCertificate};
use bytes::Bytes;
use http::{
    HeaderMap, Request, Uri,
    header::{ACCEPT, AGE, CACHE_CONTROL},
};

/// Why an issuer's keys could not be fetched, or not be used. For a log line: it never reaches a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    reason: Arc<str>,
}

impl FetchError {
    pub(super) fn new(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into() }
    }

    /// With all that lies behind an error: the outermost of a failed connection says little.
    pub(super) fn because(what: &str, error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| (*error).source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        Self::new(format!("{what}: {}", causes.join(": ")))
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for FetchError {}

/// The most that [`TokenVerifier::from_jwks`](auth_core::TokenVerifier::from_jwks) reads.
const MAX_BYTES: usize = 64 * 1024;
/// Where the issuer says nothing of it.
const MAX_AGE: Duration = Duration::from_mins(5);

pub(super) struct Fetcher {
    client: HttpClient,
    uri: Uri,
}

impl Fetcher {
    pub(super) fn new(uri: Uri, roots: &[Vec<u8>], timeout: Duration) -> Result<Self, UnusableCertificate> {
        // Minutes lie between two requests.
        let limits = Limits { timeout, max_bytes: MAX_BYTES, keeps_connections: false };
        Ok(Self { client: HttpClient::new(roots, Reach::Anywhere, limits)?, uri })
    }

    /// The text at the address, and how long it may be kept.
    pub(super) async fn fetch(&self) -> Result<(String, Duration), FetchError> {
        let request = Request::get(self.uri.clone())
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .body(Bytes::new())
            .map_err(|error| FetchError::because("no request can be made", &error))?;
        let failed = |error: auth_core::http_client::HttpError| FetchError::new(error.to_string());
        let answer = self.client.send(request).await.map_err(failed)?;
        // A redirect is an answer like any other: the address is the one that was configured (ASVS 15.3.2).
        if answer.status != http::StatusCode::OK {
            return Err(FetchError::new(format!("answered {}", answer.status)));
        }
        let text = String::from_utf8(answer.body.map_err(failed)?.into());
        let text = text.map_err(|_| FetchError::new("the answer is no text in UTF-8"))?;
        Ok((text, max_age(&answer.headers)))
    }
}

/// How long the answer is fresh from now on (RFC 9111 sections 4.2.1 and 4.2.3); what a cache between has kept it
/// for is over already.
fn max_age(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut max_age = None;
    for directive in directives.flat_map(|value| value.split(',')).map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Duration::ZERO;
        }
        if name.eq_ignore_ascii_case("max-age") {
            max_age = max_age.or(value.trim_matches('"').parse().ok().map(Duration::from_secs));
        }
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    max_age.unwrap_or(MAX_AGE).saturating_sub(age.map_or(Duration::ZERO, Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seconds(headers: &[(http::HeaderName, &'static str)]) -> u64 {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        max_age(&headers.collect()).as_secs()
    }

    #[test]
    fn the_lifetime_is_what_cache_control_says_less_the_age() {
        for (value, expected) in [
            ("max-age=60", 60),
            ("public, max-age=300, must-revalidate", 300),
            ("Max-Age=\"90\"", 90),
            ("s-maxage=10,max-age=600", 600),
            ("max-age=1, max-age=2", 1),
            ("no-store", 0),
            ("max-age=600, no-cache", 0),
            ("max-age=-1", 300),
            ("max-age=", 300),
            ("max-age=99999999999999999999", 300),
            ("", 300),
            ("public", 300),
        ] {
            assert_eq!(seconds(&[(CACHE_CONTROL, value)]), expected, "{value}");
        }
        assert_eq!(seconds(&[]), 300);
        assert_eq!(seconds(&[(CACHE_CONTROL, "public"), (CACHE_CONTROL, "max-age=7")]), 7);
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=600"), (AGE, "550")]), 50);
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=600"), (AGE, "601")]), 0);
        assert_eq!(seconds(&[(AGE, "soon")]), 300);
    }
}
