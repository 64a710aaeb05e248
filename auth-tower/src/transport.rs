//! The refresh cookie: the only way a refresh token travels.

use std::time::Duration;

use auth_core::RefreshToken;
use cookie::{Cookie, SameSite};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// As many tokens of one request are looked at: each may cost a query, and a jar holds one.
const MAX_TOKENS: usize = 4;

/// How the refresh cookie is written and read.
///
/// `HttpOnly`, `SameSite=Strict`, `Path=/`, no `Domain`. With `Secure` the name begins with `__Host-`, and a
/// browser then lets nobody else set it: not a sibling domain, not a page on plain http, not another path
/// (RFC 6265bis section 4.1.3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefreshCookie {
    secure: bool,
}

impl RefreshCookie {
    pub(crate) const SECURE: Self = Self { secure: true };
    pub(crate) const INSECURE: Self = Self { secure: false };

    pub(crate) fn is_secure(self) -> bool {
        self.secure
    }

    fn name(self) -> &'static str {
        if self.secure { "__Host-refresh_token" } else { "refresh_token" }
    }

    /// Puts the token into the client's jar for as long as it is good.
    pub(crate) fn set(self, headers: &mut HeaderMap, token: &RefreshToken, good_for: Duration) {
        self.write(headers, token.expose(), i64::try_from(good_for.as_secs()).unwrap_or(i64::MAX));
    }

    /// Takes the token out of the client's jar. Name, path and `Secure` are those it was set with, or the
    /// browser would keep it.
    pub(crate) fn clear(self, headers: &mut HeaderMap) {
        self.write(headers, "", 0);
    }

    /// Replaces, so that an answer never sets the cookie twice.
    fn write(self, headers: &mut HeaderMap, token: &str, max_age: i64) {
        let cookie = Cookie::build((self.name(), token))
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .path("/")
            .max_age(time::Duration::seconds(max_age));
        // Tokens are base64url and fit any header; one that did not would be left out.
        if let Ok(mut value) = HeaderValue::try_from(cookie.to_string()) {
            value.set_sensitive(true);
            headers.insert(SET_COOKIE, value);
        }
    }

    /// The tokens in the request's cookies, each once, up to [`MAX_TOKENS`]. More than one means that somebody
    /// tossed a cookie of this name in from a sibling domain or another path, which only the name without
    /// `__Host-` allows.
    pub(crate) fn read(self, headers: &HeaderMap) -> Vec<RefreshToken> {
        let mut tokens: Vec<RefreshToken> = Vec::new();
        for header in headers.get_all(COOKIE) {
            // By hand and to the byte: a parser that trims Unicode's white space would take a cookie whose name
            // begins with U+2000 for ours, and browsers guard no such name by its prefix.
            for cookie in header.as_bytes().split(|byte| *byte == b';') {
                let value = cookie.trim_ascii().strip_prefix(self.name().as_bytes());
                let value = value.and_then(|rest| str::from_utf8(rest.strip_prefix(b"=")?).ok());
                let Some(value) = value else { continue };
                if !value.is_empty()
                    && tokens.len() < MAX_TOKENS
                    && !tokens.iter().any(|token| token.expose() == value)
                {
                    tokens.push(RefreshToken::new(value));
                }
            }
        }
        tokens
    }

    /// The token in the request's cookies, if it is the only one. Which of several is the owner's cannot be
    /// told, and acting on the wrong one would sign the user in as somebody else: so none.
    pub(crate) fn read_one(self, headers: &HeaderMap) -> Option<RefreshToken> {
        let mut tokens = self.read(headers);
        if tokens.len() == 1 { tokens.pop() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &[&[u8]]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_bytes(cookie).unwrap());
        }
        let tokens = RefreshCookie::SECURE.read(&headers);
        tokens.iter().map(|token| token.expose().to_owned()).collect()
    }

    #[test]
    fn the_cookie_is_found_among_others_in_one_header_or_several() {
        assert_eq!(read(&[b"a=1; __Host-refresh_token=t; b=2"]), ["t"]);
        assert_eq!(read(&[b"a=1", b"__Host-refresh_token=t"]), ["t"]);
        assert_eq!(read(&[b"odd=\xff\xfe; =; ;;; __Host-refresh_token=t"]), ["t"]);
    }

    #[test]
    fn another_name_is_another_cookie() {
        let none: [&str; 0] = [];
        assert_eq!(read(&[b"refresh_token=t; __host-refresh_token=t; x__Host-refresh_token=t"]), none);
        assert_eq!(read(&[b"__Host-refresh_token=; a=__Host-refresh_token"]), none);
    }

    #[test]
    fn a_name_that_only_looks_like_ours_after_trimming_is_another_cookie() {
        let none: [&str; 0] = [];
        for space in ["\u{2000}", "\u{a0}", "\u{85}", "\u{3000}", "\u{feff}"] {
            let before = format!("{space}__Host-refresh_token=t");
            let after = format!("__Host-refresh_token{space}=t");
            assert_eq!(read(&[before.as_bytes(), after.as_bytes()]), none, "{space:?}");
        }
        assert_eq!(read(&[b"=__Host-refresh_token=t; __Host-refresh_token =t; __Host-refresh_token"]), none);
        assert_eq!(read(&[b" \t__Host-refresh_token=t \t"]), ["t"]);
    }

    #[test]
    fn of_several_different_cookies_none_is_taken_but_a_repeated_one_is() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("refresh_token=a; refresh_token=a"));
        assert!(RefreshCookie::INSECURE.read_one(&headers).is_some());
        headers.append(COOKIE, HeaderValue::from_static("refresh_token=b"));
        assert!(RefreshCookie::INSECURE.read_one(&headers).is_none());
        assert_eq!(RefreshCookie::INSECURE.read(&headers).len(), 2);
    }

    #[test]
    fn clearing_repeats_the_attributes_and_replaces_what_was_set() {
        let mut headers = HeaderMap::new();
        RefreshCookie::SECURE.set(&mut headers, &RefreshToken::new("t"), Duration::from_hours(7 * 24));
        assert_eq!(
            headers[SET_COOKIE],
            "__Host-refresh_token=t; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=604800"
        );
        RefreshCookie::SECURE.clear(&mut headers);
        assert_eq!(
            headers[SET_COOKIE],
            "__Host-refresh_token=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0"
        );
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 1);
    }

    #[test]
    fn the_insecure_cookie_has_another_name_and_no_secure() {
        let mut headers = HeaderMap::new();
        RefreshCookie::INSECURE.set(&mut headers, &RefreshToken::new("t"), Duration::from_secs(1));
        assert_eq!(headers[SET_COOKIE], "refresh_token=t; HttpOnly; SameSite=Strict; Path=/; Max-Age=1");
    }
}
