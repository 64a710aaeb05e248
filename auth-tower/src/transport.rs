//! The cookies: the only way in which refresh tokens and device tokens travel.

use std::time::Duration;

use cookie::{Cookie, SameSite};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};

/// As many values of one request are looked at: each may cost a query, and a jar holds one.
const MAX_VALUES: usize = 4;

/// The cookies of the service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cookies {
    /// The refresh token, for as long as it is good.
    pub(crate) refresh: HostCookie,
    /// The device token, for a year. Logging out leaves it: it tells that somebody signed in here before.
    pub(crate) device: HostCookie,
    /// A sign-in on a page that a second factor is asked for in, for as long as it may take.
    pub(crate) challenge: HostCookie,
    /// What a browser has that has asked for a code to sign in with, for as long as the code works.
    pub(crate) flow: HostCookie,
}

impl Cookies {
    pub(crate) const SECURE: Self = Self {
        refresh: HostCookie { name: "__Host-refresh_token", secure: true },
        device: HostCookie { name: "__Host-auth_device", secure: true },
        challenge: HostCookie { name: "__Host-auth_challenge", secure: true },
        flow: HostCookie { name: "__Host-auth_flow", secure: true },
    };
    pub(crate) const INSECURE: Self = Self {
        refresh: HostCookie { name: "refresh_token", secure: false },
        device: HostCookie { name: "auth_device", secure: false },
        challenge: HostCookie { name: "auth_challenge", secure: false },
        flow: HostCookie { name: "auth_flow", secure: false },
    };

    pub(crate) const fn are_secure(self) -> bool {
        self.refresh.secure
    }
}

/// A cookie for this host only and for no script.
///
/// `HttpOnly`, `SameSite=Strict`, `Path=/`, no `Domain`. With `Secure` the name begins with `__Host-`, and a
/// browser then lets nobody else set it: not a sibling domain, not a page on plain http, not another path
/// (RFC 6265bis section 4.1.3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostCookie {
    name: &'static str,
    secure: bool,
}

impl HostCookie {
    pub(crate) fn name(self) -> &'static str {
        self.name
    }

    /// Puts a value into the client's jar.
    pub(crate) fn set(self, headers: &mut HeaderMap, value: &str, good_for: Duration) {
        self.write(headers, value, i64::try_from(good_for.as_secs()).unwrap_or(i64::MAX));
    }

    /// Takes the value out of the client's jar. Name, path and `Secure` are those it was set with, or the
    /// browser would keep it.
    pub(crate) fn clear(self, headers: &mut HeaderMap) {
        self.write(headers, "", 0);
    }

    fn write(self, headers: &mut HeaderMap, value: &str, max_age: i64) {
        write(headers, (self.name, value), self.secure, SameSite::Strict, max_age);
    }

    /// The values in the request's cookies, each once, up to [`MAX_VALUES`]. More than one means that somebody
    /// tossed a cookie of this name in from a sibling domain or another path, which only the name without
    /// `__Host-` allows.
    pub(crate) fn read(self, headers: &HeaderMap) -> Vec<&str> {
        values(headers, self.name)
    }

    /// The value in the request's cookies, if it is the only one. Which of several is the owner's cannot be
    /// told, and acting on the wrong one would sign the user in as somebody else: so none.
    pub(crate) fn read_one(self, headers: &HeaderMap) -> Option<&str> {
        only(&self.read(headers))
    }
}

/// The cookie of the browser door: `SameSite=Lax`, so that it comes along with whoever follows a link, and else as a [`HostCookie`],
/// unless it is for all hosts of a domain.
#[derive(Debug)]
pub(crate) struct BrowserCookie {
    name: &'static str,
    secure: bool,
    domain: Option<String>,
}

impl BrowserCookie {
    /// As the other cookies of the service are. A name with `__Host-` has no domain, and one with `__Secure-` may.
    pub(crate) fn beside(cookies: Cookies, domain: Option<String>) -> Self {
        let secure = cookies.are_secure();
        let name = match (secure, &domain) {
            (true, None) => "__Host-auth_browser",
            (true, Some(_)) => "__Secure-auth_browser",
            (false, _) => "auth_browser",
        };
        Self { name, secure, domain }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Puts a value into the client's jar.
    pub(crate) fn set(&self, headers: &mut HeaderMap, value: &str, good_for: Duration) {
        self.write(headers, value, i64::try_from(good_for.as_secs()).unwrap_or(i64::MAX));
    }

    /// Takes the value out of the client's jar.
    pub(crate) fn clear(&self, headers: &mut HeaderMap) {
        self.write(headers, "", 0);
    }

    fn write(&self, headers: &mut HeaderMap, value: &str, max_age: i64) {
        let domain = self.domain.as_deref();
        write_for(domain, headers, (self.name, value), self.secure, SameSite::Lax, max_age);
    }

    /// As [`HostCookie::read`].
    pub(crate) fn read<'a>(&self, headers: &'a HeaderMap) -> Vec<&'a str> {
        values(headers, self.name)
    }

    /// As [`HostCookie::read_one`].
    pub(crate) fn read_one<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        only(&self.read(headers))
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let mut values: Vec<&str> = Vec::new();
    for cookie in pairs(headers) {
        let value = value_of(cookie, name);
        let Some(value) = value.and_then(|value| str::from_utf8(value).ok()) else { continue };
        if !value.is_empty() && values.len() < MAX_VALUES && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

fn only<'a>(values: &[&'a str]) -> Option<&'a str> {
    match *values {
        [value] => Some(value),
        _ => None,
    }
}

/// To this host only. Replaces, so that an answer never sets a cookie twice.
pub(crate) fn write(
    headers: &mut HeaderMap,
    pair: (&str, &str),
    secure: bool,
    same_site: SameSite,
    max_age: i64,
) {
    write_for(None, headers, pair, secure, same_site, max_age);
}

fn write_for(
    domain: Option<&str>,
    headers: &mut HeaderMap,
    (name, value): (&str, &str),
    secure: bool,
    same_site: SameSite,
    max_age: i64,
) {
    let mut cookie = Cookie::build((name, value))
        .http_only(true)
        .secure(secure)
        .same_site(same_site)
        .path("/")
        .max_age(time::Duration::seconds(max_age));
    if let Some(domain) = domain {
        cookie = cookie.domain(domain);
    }
    // Tokens are base64url and fit any header; one that did not would be left out.
    let Ok(mut value) = HeaderValue::try_from(cookie.to_string()) else { return };
    value.set_sensitive(true);
    let is_other = |set: &&HeaderValue| value_of(set.as_bytes(), name).is_none();
    let others: Vec<_> = headers.get_all(SET_COOKIE).iter().filter(is_other).cloned().collect();
    headers.insert(SET_COOKIE, value);
    for other in others {
        headers.append(SET_COOKIE, other);
    }
}

/// The cookies of a request, one after the other: by hand and to the byte. A parser that trims Unicode's white space would
/// take a cookie whose name begins with U+2000 for ours, and browsers guard no such name by its prefix.
pub(crate) fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let all = headers.get_all(COOKIE).iter();
    all.flat_map(|header| header.as_bytes().split(|byte| *byte == b';')).map(<[u8]>::trim_ascii)
}

pub(crate) fn value_of<'a>(cookie: &'a [u8], name: &str) -> Option<&'a [u8]> {
    cookie.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &[&[u8]]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_bytes(cookie).unwrap());
        }
        Cookies::SECURE.refresh.read(&headers).into_iter().map(str::to_owned).collect()
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
        assert!(Cookies::INSECURE.refresh.read_one(&headers).is_some());
        headers.append(COOKIE, HeaderValue::from_static("refresh_token=b"));
        assert!(Cookies::INSECURE.refresh.read_one(&headers).is_none());
        assert_eq!(Cookies::INSECURE.refresh.read(&headers).len(), 2);
    }

    #[test]
    fn clearing_repeats_the_attributes_and_replaces_what_was_set() {
        let mut headers = HeaderMap::new();
        Cookies::SECURE.refresh.set(&mut headers, "t", Duration::from_hours(7 * 24));
        assert_eq!(
            headers[SET_COOKIE],
            "__Host-refresh_token=t; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=604800"
        );
        Cookies::SECURE.refresh.clear(&mut headers);
        assert_eq!(
            headers[SET_COOKIE],
            "__Host-refresh_token=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0"
        );
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 1);
    }

    #[test]
    fn the_insecure_cookie_has_another_name_and_no_secure() {
        let mut headers = HeaderMap::new();
        Cookies::INSECURE.refresh.set(&mut headers, "t", Duration::from_secs(1));
        assert_eq!(headers[SET_COOKIE], "refresh_token=t; HttpOnly; SameSite=Strict; Path=/; Max-Age=1");
    }

    #[test]
    fn an_answer_sets_each_cookie_once() {
        let mut headers = HeaderMap::new();
        for value in ["1", "2"] {
            Cookies::SECURE.refresh.set(&mut headers, value, Duration::from_secs(1));
            Cookies::SECURE.device.set(&mut headers, value, Duration::from_secs(1));
        }
        let mut set: Vec<_> = headers.get_all(SET_COOKIE).iter().map(|set| set.to_str().unwrap()).collect();
        set.sort_unstable();
        assert_eq!(set.len(), 2);
        assert!(set[0].starts_with("__Host-auth_device=2;") && set[1].starts_with("__Host-refresh_token=2;"));
    }
}
