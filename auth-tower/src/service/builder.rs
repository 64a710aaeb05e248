use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use auth_core::Auth;

use super::{AuthService, Inner};
use crate::{
    BrowserDoor, ConfigError, Endpoint, OriginPolicy,
    endpoint::{self, Door},
    headers::{HSTS, hsts},
    openapi,
    route::Table,
    transport::Cookies,
};

const OFF: &str = "off";

/// Puts an [`AuthService`] together; each setting has a safe default.
#[derive(Debug)]
#[must_use = "call build()"]
pub struct AuthServiceBuilder {
    auth: Auth,
    public_url: Option<String>,
    trusted_origins: Vec<String>,
    cookies: Cookies,
    browser: Option<BrowserDoor>,
    mounted_at: String,
    hsts: String,
    without: Vec<Endpoint>,
    described: Vec<(String, serde_json::Value)>,
    version: String,
    body_limit: usize,
    body_timeout: Duration,
}

impl AuthServiceBuilder {
    pub(super) fn new(auth: Auth) -> Self {
        Self {
            auth,
            public_url: None,
            trusted_origins: Vec::new(),
            cookies: Cookies::SECURE,
            browser: None,
            mounted_at: String::new(),
            hsts: HSTS.to_owned(),
            without: Vec::new(),
            described: Vec::new(),
            version: openapi::CONTRACT.to_owned(),
            body_limit: 16 * 1024,
            body_timeout: Duration::from_secs(10),
        }
    }

    /// The origin that clients see, without a path or slash at the end. Browsers of other origins are refused
    /// state changes; with `https` every answer carries `Strict-Transport-Security`, see [`hsts`](Self::hsts). Default
    /// `http://localhost:8000`.
    pub fn public_url(mut self, origin: &str) -> Self {
        self.public_url = Some(origin.to_owned());
        self
    }

    /// An origin whose pages may call the endpoints from a browser (CORS, with credentials). May be called
    /// again for more. Default: none.
    pub fn trusted_origin(mut self, origin: &str) -> Self {
        self.trusted_origins.push(origin.to_owned());
        self
    }

    /// Leaves `Secure` off the cookies and calls them `refresh_token` and `auth_device`: for development over plain http
    /// with clients that do not take `Secure` cookies there. Whoever listens on the wire can then take over
    /// sessions, and a sibling domain can set the cookie.
    pub fn insecure_cookie(mut self) -> Self {
        self.cookies = Cookies::INSECURE;
        self
    }

    /// Keeps the door of applications behind a proxy that know nothing of users, by a cookie that every sign-in then sets: one that comes
    /// along by a link of another site, unlike that of the refresh token, and opens nothing but what the proxy keeps. Default: none, and
    /// `/verify/browser` is 404.
    pub fn browser_door(mut self, door: BrowserDoor) -> Self {
        self.browser = Some(door);
        self
    }

    /// What `Strict-Transport-Security` says where the public URL is `https` and its host is not this machine, or `off`. Browsers
    /// keep to it for `max-age` seconds, whatever is said later. Default `max-age=63072000; includeSubDomains`.
    pub fn hsts(mut self, value: &str) -> Self {
        value.clone_into(&mut self.hsts);
        self
    }

    /// The prefix under which clients see the service, such as `/auth`; it goes into the header `Location` and the
    /// description. The host, or a proxy in front of it, takes it off requests; it is not looked for there. Default: none.
    pub fn mounted_at(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.mounted_at);
        self
    }

    /// Takes an endpoint away: its address is 404, for the host to fill or not. May be called again.
    pub fn without(mut self, endpoint: Endpoint) -> Self {
        self.without.push(endpoint);
        self
    }

    /// Takes the endpoints for administrators away, all of `/users` but `/users/me`: 404. What they do is then done through
    /// the library or the command line (ASVS 8.4.2).
    pub fn without_admin(mut self) -> Self {
        self.without.extend(endpoint::all().filter(|endpoint| endpoint.0.is_for_administrators()));
        self
    }

    /// Adds a path of the host's own to `/openapi.json`: a path item object of OpenAPI 3.1. May be called again.
    pub fn also_described(mut self, path: &str, item: serde_json::Value) -> Self {
        self.described.push((path.to_owned(), item));
        self
    }

    /// What `/openapi.json` calls its version, where a host wants to tell which of its own runs. Default: that of the HTTP contract.
    pub fn described_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// The most bytes of a request body; beyond it 413. Default 16 KiB. It also bounds what parsing may
    /// allocate.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How long a request body may take to arrive, from the first look at it to its end; beyond it 408.
    /// Default 10 s.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Checks the settings and makes the service.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn build(mut self) -> Result<AuthService, ConfigError> {
        let mut origins = match &self.public_url {
            Some(origin) => OriginPolicy::new(origin)?,
            None => OriginPolicy::local(),
        };
        for origin in &self.trusted_origins {
            origins = origins.trust(origin)?;
        }
        if origins.is_https() && !self.cookies.are_secure() {
            return Err(ConfigError::new("insecure_cookie", "cannot be used when public_url is https"));
        }
        if !is_prefix(&self.mounted_at) {
            return Err(ConfigError::new(
                "mounted_at",
                "must be empty or like /auth: a slash first, none at the end, and of [A-Za-z0-9._~/-] only",
            ));
        }
        if self.hsts != OFF && hsts(&self.hsts).is_none() {
            return Err(ConfigError::new("hsts", "must be off, or like max-age=31536000; includeSubDomains"));
        }
        if self.body_limit == 0 {
            return Err(ConfigError::new("body_limit", "is zero; no body would be taken"));
        }
        if self.body_timeout.is_zero() {
            return Err(ConfigError::new("body_timeout", "is zero; no body would be taken"));
        }
        let door = self.browser.take().map(|door| door.build(&origins, self.cookies)).transpose()?;
        Ok(self.build_with(origins, door))
    }

    pub(super) fn build_with(mut self, origins: OriginPolicy, browser: Option<Door>) -> AuthService {
        if browser.is_none() {
            self.without.push(Endpoint::VERIFY_BROWSER);
        }
        let mounted: Vec<Endpoint> = endpoint::DOORS
            .iter()
            .filter(|doors| (doors.open)(&self.auth))
            .flat_map(|doors| doors.endpoints)
            .filter(|endpoint| !self.without.contains(endpoint))
            .copied()
            .collect();
        AuthService {
            inner: Arc::new(Inner {
                verifier: self.auth.verifier().bounded(self.auth.revocations()),
                auth: self.auth,
                cookies: self.cookies,
                browser,
                mounted_at: self.mounted_at,
                hsts: hsts(&self.hsts).filter(|_| origins.is_https() && !origins.is_loopback()),
                described: self.described,
                version: self.version,
                origins,
                table: Table::of(mounted.iter().copied()),
                mounted,
                body_limit: self.body_limit,
                body_timeout: self.body_timeout,
                pages: OnceLock::new(),
                description: OnceLock::new(),
            }),
        }
    }
}

/// Whether a prefix can stand before a path as it is, and cannot be taken for another host (`//host`).
pub(crate) fn is_prefix(prefix: &str) -> bool {
    let segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
    };
    match prefix.strip_prefix('/') {
        Some(rest) => rest.split('/').all(segment),
        None => prefix.is_empty(),
    }
}
