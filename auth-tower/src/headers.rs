//! Headers that every answer carries.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS},
};
use uuid::Uuid;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The security headers of an API answer (ASVS 3.4, 3.5.8), each set only where it is not there yet, so that
/// a page with a policy of its own keeps it.
///
/// `hsts` is what browsers are told of coming by TLS only (RFC 6797), if anything is to be: that of a service is
/// [`AuthService::hsts`](crate::AuthService::hsts). `Cross-Origin-Resource-Policy: same-origin` does not stand in the way of trusted origins:
/// browsers apply it to requests made without CORS only.
pub fn set_security_headers(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    if let Some(hsts) = hsts {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert_with(|| hsts.clone());
    }
    let mut set = |name: HeaderName, value| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    set(REFERRER_POLICY, "no-referrer");
    set(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
}

/// What browsers are told unless something else is set: for two years, subdomains included.
pub(crate) const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Reads a value for `Strict-Transport-Security` (RFC 6797 section 6.1): browsers pass over one that is not well-formed, and
/// nobody would notice. `None` if it is not.
pub(crate) fn hsts(text: &str) -> Option<HeaderValue> {
    let mut ages = 0;
    let mut names: Vec<String> = Vec::new();
    for directive in text.split(';').map(str::trim) {
        let (name, value) =
            directive.split_once('=').map_or((directive, None), |(name, value)| (name, Some(value)));
        let name = name.trim().to_ascii_lowercase();
        match (name.as_str(), value.map(str::trim)) {
            ("max-age", Some(age)) if age.parse::<u32>().is_ok() && !age.starts_with('+') => ages += 1,
            ("includesubdomains" | "preload", None) => {}
            _ => return None,
        }
        if names.contains(&name) {
            return None;
        }
        names.push(name);
    }
    HeaderValue::from_str(text).ok().filter(|_| ages == 1)
}

/// Whether this can be what `Strict-Transport-Security` says, for [`AuthServiceBuilder::hsts`](crate::AuthServiceBuilder::hsts).
pub fn is_hsts(value: &str) -> bool {
    hsts(value).is_some()
}

/// Whether a client's `X-Request-Id` may be kept: 1 to 128 of `[A-Za-z0-9._-]`, so that it can stand in any
/// log line as it is.
pub fn is_request_id(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

/// The request's id if there is exactly one and it is sound.
pub(crate) fn given_request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    single(headers, &X_REQUEST_ID).ok().flatten().filter(|id| is_request_id(id))
}

/// The request's own id, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    given_request_id(headers).cloned().unwrap_or_else(new_request_id)
}

fn new_request_id() -> HeaderValue {
    HeaderValue::try_from(random_id()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// Nobody guesses it beforehand (122 bits of the system's randomness), and nobody keeps it secret afterwards.
#[expect(clippy::disallowed_methods, reason = "neither a request id nor the nonce of a page is a credential")]
pub(crate) fn random_id() -> String {
    Uuid::new_v4().to_string()
}

/// A header that must not be repeated came more than once.
pub(crate) struct Repeated;

/// The value of a header that may come once at most.
pub(crate) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Repeated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_kept_only_if_it_can_stand_in_a_log_line() {
        let longest = "a".repeat(128);
        for good in ["a", "01J-x_9.Z", longest.as_str()] {
            assert!(is_request_id(&HeaderValue::from_str(good).unwrap()), "{good}");
        }
        let too_long = "a".repeat(129);
        for bad in ["", " ", "a b", "a\"b", "a,b", "a{b", too_long.as_str()] {
            assert!(!is_request_id(&HeaderValue::from_str(bad).unwrap()), "{bad}");
        }
        assert!(!is_request_id(&HeaderValue::from_bytes(b"\xc3\xa9").unwrap()));
    }

    #[test]
    fn a_repeated_request_id_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.append(X_REQUEST_ID, HeaderValue::from_static("one"));
        assert_eq!(request_id(&headers), "one");
        headers.append(X_REQUEST_ID, HeaderValue::from_static("two"));
        let id = request_id(&headers);
        assert!(is_request_id(&id) && id.len() == 36, "{id:?}");
    }

    #[test]
    fn a_policy_that_is_there_already_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        set_security_headers(&mut headers, None);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        set_security_headers(&mut headers, hsts(HSTS).as_ref());
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=63072000; includeSubDomains");
        set_security_headers(&mut headers, hsts("max-age=0").as_ref());
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=63072000; includeSubDomains");
    }

    #[test]
    fn what_browsers_would_pass_over_is_no_value_for_hsts() {
        for good in ["max-age=0", "MAX-AGE = 300", "includeSubDomains; max-age=31536000; preload", HSTS] {
            assert!(hsts(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "on",
            "off",
            "31536000",
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=+1",
            "max-age=1y",
            "max-age=300;",
            "includeSubDomains",
            "max-age=300, includeSubDomains",
            "max-age=300; max-age=300",
            "max-age=300; preload=1",
            "max-age=300\r\nset-cookie: a=b",
        ] {
            assert!(hsts(bad).is_none(), "{bad}");
        }
    }
}
