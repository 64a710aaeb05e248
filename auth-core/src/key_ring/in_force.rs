//! Everything that hangs on the keys and is made anew when they change.

use std::collections::{HashMap, HashSet};

use super::{Ring, TokenIssuer};
use crate::{
    Config, ConfigError, Keys,
    token::{OneTimeKeys, RefreshKeys, Sealer, browser::BrowserKeys, device::DeviceKeys, jwks, mac::MacKeys},
};

/// What the keys in force are made of. Each part may change while the other stays.
pub(crate) struct KeySource {
    pub(crate) keys: Keys,
    pub(crate) ring: Ring,
}

impl KeySource {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys, ring: Ring::empty() }
    }
}

/// What a process makes tokens with, and publishes. What verifies access tokens is replaced in the
/// [`TokenVerifier`](crate::TokenVerifier), which others hold too.
pub(crate) struct KeysInForce {
    pub(crate) issuer: TokenIssuer,
    pub(crate) refresh: RefreshKeys,
    pub(crate) browser: BrowserKeys,
    pub(crate) one_time: OneTimeKeys,
    pub(crate) devices: DeviceKeys,
    /// What stands for an address where mails to it are counted.
    pub(crate) mail_pace: MacKeys,
    /// What rooms encrypt with, by their labels: one key for each secret, newest first.
    sealers: HashMap<&'static str, Vec<Sealer>>,
    published: Vec<Published>,
}

struct Published {
    /// As JSON.
    jwk: String,
    /// When it leaves the set, in unix milliseconds; `None`: when it is no longer among the keys.
    end: Option<i64>,
}

impl KeysInForce {
    pub(crate) fn new(
        keys: &Keys,
        ring: &Ring,
        config: &Config,
        sealers: impl Iterator<Item = &'static str>,
    ) -> Result<Self, ConfigError> {
        let mut seen = HashSet::new();
        let published = keys
            .public()
            .map(|key| (key, None))
            .chain(ring.public())
            .filter(|(key, _)| seen.insert(key.id()))
            .map(|(key, end)| Ok(Published { jwk: jwks::write_key(key)?, end }));
        Ok(Self {
            issuer: TokenIssuer::new(keys, ring, config)?,
            refresh: RefreshKeys::new(keys)?,
            browser: BrowserKeys::new(keys)?,
            one_time: OneTimeKeys::new(keys)?,
            devices: DeviceKeys::new(keys)?,
            mail_pace: MacKeys::new(keys, "mail pace", "mail pace key id")?,
            sealers: sealers.map(|label| Ok((label, sealers_of(keys, label)?))).collect::<Result<_, _>>()?,
            published: published.collect::<Result<_, ConfigError>>()?,
        })
    }

    /// Those of a label that a room has named; none of another.
    pub(crate) fn sealers(&self, label: &str) -> &[Sealer] {
        self.sealers.get(label).map_or(&[], Vec::as_slice)
    }

    /// The public keys as a JWK set.
    pub(crate) fn jwks(&self, now: i64) -> String {
        let keys = self.published.iter().filter(|key| key.end.is_none_or(|end| now < end));
        jwks::write_set(keys.map(|key| key.jwk.as_str()))
    }
}

fn sealers_of(keys: &Keys, label: &'static str) -> Result<Vec<Sealer>, ConfigError> {
    keys.all().map(|secret| Sealer::new(secret, label)).collect()
}
