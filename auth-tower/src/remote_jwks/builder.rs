use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use auth_core::{Clock, SystemClock, http_client::is_loopback};
use http::{Uri, uri::Scheme};

use super::{Issuer, RemoteJwks, cache::Limits, fetch::Fetcher};
use crate::ConfigError;

const REFETCH_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);

/// Puts a [`RemoteJwks`] together; each setting has a safe default.
#[must_use = "call build()"]
pub struct RemoteJwksBuilder {
    url: String,
    issuer: Issuer,
    insecure_http: bool,
    root_certificates: Vec<Vec<u8>>,
    timeout: Duration,
    limits: Limits,
}

impl RemoteJwksBuilder {
    pub(super) fn new(url: &str, issuer: &str, audience: &str) -> Self {
        let issuer = Issuer {
            name: issuer.to_owned(),
            audience: audience.to_owned(),
            leeway: Duration::ZERO,
            clock: Arc::new(SystemClock),
        };
        let limits =
            Limits { refetch_interval: Duration::from_secs(10), keep_while_away: Duration::from_hours(1) };
        Self {
            url: url.to_owned(),
            issuer,
            insecure_http: false,
            root_certificates: Vec::new(),
            timeout: Duration::from_secs(5),
            limits,
        }
    }

    /// Trusts these certification authorities, in PEM, and no others: for an issuer whose certificate is of a private
    /// one. May be called again for more. Default: those of Mozilla's list, which are compiled in, so that the same are
    /// trusted on every machine, and in an empty container.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Takes an `http` address that is not on loopback. Whoever is on the way can then give this service keys of their
    /// own, and with them make tokens for any user.
    pub fn insecure_http(mut self) -> Self {
        self.insecure_http = true;
        self
    }

    /// The longest that a fetch may take, from the look-up of the name to the last byte; it is also the longest that a
    /// request waits for one. Default 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The least time from the beginning of one fetch to that of the next, 1 s to 60 s: what a flood of made-up keys
    /// comes to at the issuer. Default 10 s. A key that signs sooner than that after it was published may be refused
    /// (401) until the time is over.
    pub fn refetch_interval(mut self, interval: Duration) -> Self {
        self.limits.refetch_interval = interval;
        self
    }

    /// How long keys are used beyond their lifetime while the issuer is away, or its set not usable. After that tokens
    /// are answered 503 `unavailable`. Default 1 h; zero closes as soon as the lifetime is over.
    ///
    /// Longer bridges longer failures of the network. It is also how much longer a key lives that the issuer took back,
    /// if somebody can keep this service from hearing of it.
    pub fn keep_while_away(mut self, time: Duration) -> Self {
        self.limits.keep_while_away = time;
        self
    }

    /// Accepts a token for so long after its end, as
    /// [`TokenVerifier::leeway`](auth_core::TokenVerifier::leeway). Default: zero.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.issuer.leeway = leeway;
        self
    }

    /// Replaces the system's clock, for the ages of keys and of tokens.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.issuer.clock = clock;
        self
    }

    /// Checks the settings. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting.
    pub fn build(self) -> Result<RemoteJwks, ConfigError> {
        let uri = address(&self.url, self.insecure_http)?;
        if self.timeout.is_zero() {
            return Err(ConfigError::new("timeout", "is zero; no issuer answers in that time"));
        }
        if !REFETCH_INTERVAL.contains(&self.limits.refetch_interval) {
            return Err(ConfigError::new(
                "refetch_interval",
                "must be from 1 s to 60 s: less is a flood at the issuer, and more keeps keys beyond their lifetime",
            ));
        }
        let fetcher = Fetcher::new(uri, &self.root_certificates, self.timeout).map_err(|_| {
            ConfigError::new("root_certificate", "has no certificate in PEM that can be used")
        })?;
        Ok(RemoteJwks::with(self.issuer, fetcher, self.limits))
    }
}

fn address(url: &str, insecure_http: bool) -> Result<Uri, ConfigError> {
    let refuse = |problem| Err(ConfigError::new("url", problem));
    let Ok(uri) = url.parse::<Uri>() else { return refuse("is no URL") };
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return refuse("must be whole, such as https://auth.example.com/.well-known/jwks.json");
    };
    if authority.as_str().contains('@') {
        return refuse("has a user or password in it, which is not sent");
    }
    if *scheme == Scheme::HTTPS || *scheme == Scheme::HTTP && (insecure_http || is_loopback(authority.host()))
    {
        return Ok(uri);
    }
    refuse("must be https: over http, whoever is on the way can give this service keys of their own")
}

impl fmt::Debug for RemoteJwksBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwksBuilder")
            .field("issuer", &self.issuer.name)
            .field("audience", &self.issuer.audience)
            .finish_non_exhaustive()
    }
}
