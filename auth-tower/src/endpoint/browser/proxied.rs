//! The request that a proxy asks about.

use auth_core::destination;
use http::{HeaderMap, HeaderName, Method, Uri, header::ACCEPT};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::door::{Door, Host};
use crate::{headers::single, service::Call};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const METHODS: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-method"), HeaderName::from_static("x-original-method")];
const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// As far as a proxy that is trusted tells.
pub(super) struct Proxied {
    /// One that changes something, where it is not told.
    pub(super) method: Method,
    /// Whether somebody goes to a page, who may be sent elsewhere.
    pub(super) navigates: bool,
    page: Page,
}

enum Page {
    /// A path of this host or an address of another one that is kept.
    Known(String),
    /// Of a host that is kept; which one it is was not told.
    Unknown,
    NotKept,
}

impl Proxied {
    pub(super) fn of(call: &Call, door: &Door) -> Self {
        let headers = call.headers();
        let is_told = call.is_of_trusted_proxy();
        Self {
            method: if is_told { method(headers) } else { Method::POST },
            navigates: navigates(headers),
            page: if is_told { page(headers, door) } else { Page::Unknown },
        }
    }

    pub(super) fn is_kept(&self) -> bool {
        !matches!(self.page, Page::NotKept)
    }

    /// A page from which somebody comes back to this one.
    pub(super) fn back_from(&self, to: &str) -> String {
        match &self.page {
            Page::Known(page) => format!("{to}?redirect_to={}", utf8_percent_encode(page, NON_ALPHANUMERIC)),
            Page::Unknown | Page::NotKept => to.to_owned(),
        }
    }
}

/// The first that changes something: of two names the proxy may have written one and the client the other.
fn method(headers: &HeaderMap) -> Method {
    let mut told = None;
    for value in METHODS.iter().flat_map(|name| headers.get_all(name)) {
        let method = Method::from_bytes(value.as_bytes()).unwrap_or(Method::POST);
        if !method.is_safe() {
            return method;
        }
        told = Some(method);
    }
    told.unwrap_or(Method::POST)
}

/// As the browser says, which knows; an older one is asked what it wants to see.
fn navigates(headers: &HeaderMap) -> bool {
    if let Some(mode) = headers.get(SEC_FETCH_MODE) {
        return mode == "navigate";
    }
    let wants_a_page =
        |accept: &[u8]| accept.to_ascii_lowercase().windows(9).any(|part| part == b"text/html");
    headers.get_all(ACCEPT).iter().any(|accept| wants_a_page(accept.as_bytes()))
}

fn page(headers: &HeaderMap, door: &Door) -> Page {
    let original = single(headers, &X_ORIGINAL_URL).ok().flatten();
    let original: Option<Uri> = original.and_then(|url| url.as_bytes().try_into().ok());
    let authority = match original.as_ref().and_then(Uri::authority) {
        Some(authority) => Some(authority.as_str()),
        None => match single(headers, &X_FORWARDED_HOST) {
            // The last is what the proxy itself has written.
            Ok(host) => host
                .map(|host| host.to_str().unwrap_or_default().rsplit(',').next().unwrap_or_default().trim()),
            Err(_) => return Page::NotKept,
        },
    };
    let origin = match authority.map_or(Host::Own, |authority| door.host(authority)) {
        Host::Own => "",
        Host::Other(origin) => origin,
        Host::NotKept => return Page::NotKept,
    };
    let path = match &original {
        Some(url) => url.path_and_query().map(http::uri::PathAndQuery::as_str),
        None => single(headers, &X_FORWARDED_URI).ok().flatten().and_then(|path| path.to_str().ok()),
    };
    let page = path.filter(|path| path.starts_with('/')).map(|path| format!("{origin}{path}"));
    // What nobody may be sent to is left out.
    page.filter(|page| destination(page, Some(origin).filter(|origin| !origin.is_empty())).is_some())
        .map_or(Page::Unknown, Page::Known)
}
