//! Where somebody is sent who is done: a path of this host, or an address of an origin that is trusted, and nowhere else (ASVS
//! 3.7.2). It is kept through the detours in the form and in the address.

use std::borrow::Cow;

use auth_core::{Destination, destination};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::OriginPolicy;

/// The name of the parameter and of the field.
pub(super) const REDIRECT_TO: &str = "redirect_to";

/// A place to go to that has been checked. `None`: that of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Target {
    place: Option<String>,
    /// Of another host, for the policy of the page whose form leads there.
    pub(super) origin: Option<String>,
}

impl Target {
    /// What is not allowed is passed over: the way then ends at the account.
    pub(super) fn of(wanted: Option<&str>, origins: &OriginPolicy) -> Self {
        let place = |wanted: &str| Some(wanted.to_owned());
        match wanted.and_then(|wanted| Some((wanted, destination(wanted, origins.origins())?))) {
            Some((wanted, Destination::Path)) => Self { place: place(wanted), origin: None },
            Some((wanted, Destination::Page(origin))) => {
                Self { place: place(wanted), origin: Some(origin.to_owned()) }
            }
            None => Self::default(),
        }
    }

    /// A page of ours.
    pub(super) fn here(page: &str) -> Self {
        Self { place: Some(page.to_owned()), origin: None }
    }

    /// For a field of a form; nothing for the account.
    pub(super) fn field(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Where it is, from where the pages are mounted.
    pub(super) fn place<'a>(&'a self, home: &'a str) -> &'a str {
        self.place.as_deref().unwrap_or(home)
    }

    /// A page of ours with this kept in its address.
    pub(super) fn kept_in<'a>(&self, page: &'a str) -> Cow<'a, str> {
        let Some(place) = &self.place else { return page.into() };
        let joint = if page.contains('?') { '&' } else { '?' };
        format!("{page}{joint}{REDIRECT_TO}={}", utf8_percent_encode(place, NON_ALPHANUMERIC)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(wanted: &str) -> Option<String> {
        let origins = OriginPolicy::new("https://auth.example.com").unwrap();
        let origins =
            origins.trust("https://app.example.com").unwrap().trust("capacitor://localhost").unwrap();
        Target::of(Some(wanted), &origins).place
    }

    #[test]
    fn paths_of_this_host_and_addresses_of_trusted_origins_are_taken_as_they_are() {
        for good in [
            "/",
            "/app?tab=1&x=%20y#top",
            "/%2F%2Fevil.example",
            "/a//b",
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com?x=1",
            "https://app.example.com#x",
            "https://auth.example.com/page",
            "capacitor://localhost/home",
        ] {
            assert_eq!(place(good).as_deref(), Some(good));
        }
    }

    #[test]
    fn everything_else_is_the_account() {
        let long = format!("/{}", "a".repeat(1024));
        for bad in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/a b",
            "/\r\nset-cookie: a=b",
            " /app",
            "/app ",
            "/é",
            "https://evil.example/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://app.example.com:444/",
            "https://app.example.company/",
            "http://app.example.com/",
            "HTTPS://evil.example/https://app.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:/\\evil.example",
            "https:evil.example",
            "capacitor://localhost.evil.example/",
            "null",
            &long,
        ] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_is_kept_in_an_address() {
        let origins = OriginPolicy::new("https://auth.example.com").unwrap();
        let target = Target::of(Some("/a?b=c&d"), &origins);
        assert_eq!(target.kept_in("/account"), "/account?redirect_to=%2Fa%3Fb%3Dc%26d");
        assert_eq!(target.kept_in("/account?x=1"), "/account?x=1&redirect_to=%2Fa%3Fb%3Dc%26d");
        assert_eq!(Target::default().kept_in("/account"), "/account");
    }
}
