//! The cookies of sign-ins that are under way at providers: one for each, so that several tabs can do so at once.

use std::{collections::BTreeSet, time::Duration};

use cookie::SameSite;
use http::HeaderMap;

use crate::transport::{Cookies, pairs, value_of, write};

/// As many may be under way in one browser; of more the oldest is given up. They all travel with every request
/// (ASVS 4.2.5).
const MOST: usize = 8;

/// `SameSite=Lax`, because the way back leads through another site; else as every cookie here. The name ends with that of
/// the sign-in.
#[derive(Debug, Clone, Copy)]
pub(super) struct SignInCookie {
    prefix: &'static str,
    secure: bool,
}

impl SignInCookie {
    /// As the other cookies of the service are.
    pub(super) const fn beside(cookies: Cookies) -> Self {
        let secure = cookies.are_secure();
        Self { prefix: if secure { "__Host-auth_oauth-" } else { "auth_oauth-" }, secure }
    }

    pub(super) fn set(self, headers: &mut HeaderMap, name: &str, value: &str, good_for: Duration) {
        let seconds = i64::try_from(good_for.as_secs()).unwrap_or(i64::MAX);
        write(headers, (&self.name(name), value), self.secure, SameSite::Lax, seconds);
    }

    pub(super) fn clear(self, headers: &mut HeaderMap, name: &str) {
        write(headers, (&self.name(name), ""), self.secure, SameSite::Lax, 0);
    }

    /// The value, if there is one and no other of this name.
    pub(super) fn read<'a>(self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        let name = self.name(name);
        let values: BTreeSet<&[u8]> = pairs(headers).filter_map(|pair| value_of(pair, &name)).collect();
        let value = values.first().filter(|_| values.len() == 1)?;
        str::from_utf8(value).ok().filter(|value| !value.is_empty())
    }

    /// The names of those that have to go if there is to be one more: the oldest.
    pub(super) fn too_many(self, headers: &HeaderMap) -> Vec<&str> {
        let name = |pair| {
            let (name, _) = str::from_utf8(pair).ok()?.strip_prefix(self.prefix)?.split_once('=')?;
            Some(name).filter(|name| name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        let names: BTreeSet<&str> = pairs(headers).filter_map(name).collect();
        let surplus = (names.len() + 1).saturating_sub(MOST);
        names.into_iter().take(surplus).collect()
    }

    fn name(self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use http::{
        HeaderValue,
        header::{COOKIE, SET_COOKIE},
    };

    use super::*;
    use crate::transport::Cookies;

    const COOKIE_OF: SignInCookie = SignInCookie::beside(Cookies::SECURE);

    fn sent(cookies: &str) -> HeaderMap {
        [(COOKIE, HeaderValue::try_from(cookies).unwrap())].into_iter().collect()
    }

    #[test]
    fn it_is_for_this_host_and_comes_along_from_another_site() {
        let mut headers = HeaderMap::new();
        COOKIE_OF.set(&mut headers, "0a", "v", Duration::from_mins(10));
        let expected = "__Host-auth_oauth-0a=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600";
        assert_eq!(headers[SET_COOKIE], expected);
        COOKIE_OF.clear(&mut headers, "0a");
        let expected = "__Host-auth_oauth-0a=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0";
        assert_eq!(headers[SET_COOKIE], expected);
    }

    #[test]
    fn each_sign_in_has_its_own() {
        let headers = sent("__Host-auth_oauth-0a=1; __Host-auth_oauth-0b=2; auth_oauth-0a=3");
        assert_eq!(COOKIE_OF.read(&headers, "0a"), Some("1"));
        assert_eq!(COOKIE_OF.read(&headers, "0b"), Some("2"));
        assert_eq!(COOKIE_OF.read(&headers, "0c"), None);
        assert_eq!(COOKIE_OF.read(&sent("__Host-auth_oauth-0a=1; __Host-auth_oauth-0a=2"), "0a"), None);
    }

    #[test]
    fn of_too_many_the_oldest_go() {
        let cookies = |count: usize| {
            let pairs: Vec<_> = (0..count).rev().map(|n| format!("__Host-auth_oauth-{n:02x}=v")).collect();
            sent(&pairs.join("; "))
        };
        assert_eq!(COOKIE_OF.too_many(&cookies(7)), [""; 0]);
        assert_eq!(COOKIE_OF.too_many(&cookies(8)), ["00"]);
        assert_eq!(COOKIE_OF.too_many(&cookies(10)), ["00", "01", "02"]);
    }
}
