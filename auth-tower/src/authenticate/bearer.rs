use auth_core::{Principal, TokenVerifier};
use http::{HeaderMap, header::AUTHORIZATION};

use crate::{headers::single, problem::Problem};

/// Who is signed in and sends this request; `None` if it carries no bearer token. Only the header `Authorization` is read,
/// never the query string or a form (RFC 9700 section 4.3.2).
pub(crate) fn authenticate(
    headers: &HeaderMap,
    verifier: &TokenVerifier,
) -> Result<Option<Principal>, Problem> {
    match bearer(headers)? {
        Some(token) => verifier.verify(token).map(Some).map_err(Problem::from),
        None => Ok(None),
    }
}

/// The same, also of a service account with a token of its own.
pub(crate) fn authenticate_any(
    headers: &HeaderMap,
    verifier: &TokenVerifier,
) -> Result<Option<Principal>, Problem> {
    match bearer(headers)? {
        Some(token) => verifier.verify_any(token).map(Some).map_err(Problem::from),
        None => Ok(None),
    }
}

/// The token of RFC 6750 section 2.1. Another scheme is no bearer token; a second header, or a token that is
/// no `b64token`, is a malformed one.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let value = match single(headers, &AUTHORIZATION) {
        Ok(Some(value)) => value.as_bytes(),
        Ok(None) => return Ok(None),
        Err(_) => return Err(Problem::invalid_token()),
    };
    let (scheme, token) = match value.iter().position(|byte| *byte == b' ') {
        Some(space) => value.split_at(space),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    // RFC 9110 section 11.4: one space or more.
    let token = str::from_utf8(token.trim_ascii_start()).ok().filter(|token| is_b64token(token));
    token.map(Some).ok_or_else(Problem::invalid_token)
}

fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let value = |value: &&[u8]| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case_and_after_it_any_number_of_spaces() {
        for value in ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g=="] {
            let headers = headers(&[value.as_bytes()]);
            assert_eq!(bearer(&headers).unwrap(), Some("a.b-c_d~e+f/g=="), "{value}");
        }
    }

    #[test]
    fn another_scheme_or_none_is_no_token() {
        for value in ["", "Basic dTpw", "Bearertoken", "a.b.c", "Token a.b.c"] {
            assert_eq!(bearer(&headers(&[value.as_bytes()])).unwrap(), None, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn a_second_header_or_a_strange_token_is_malformed() {
        for values in [
            &[&b"Bearer a"[..], b"Bearer a"][..],
            &[b"Bearer a", b"Basic dTpw"],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearer a b"],
            &[b"Bearer a,b"],
            &[b"Bearer \"a\""],
            &[b"Bearer =="],
            &[b"Bearer a=b"],
            &[b"Bearer a\tb"],
            &[b"Bearer \xff"],
        ] {
            assert!(bearer(&headers(values)).is_err(), "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(value: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                if let Ok(Some(token)) = bearer(&headers) {
                    prop_assert!(is_b64token(token));
                }
            }
        }
    }
}
