//! The settings that keys are made of.

use auth_core::{Algorithm, PrivateKey, PublicKey, SecretKey};

use super::{Config, secret};

/// What tokens are signed with.
#[derive(Debug, Default)]
pub(crate) struct KeyConfig {
    pub(crate) algorithms: Algorithms,
    /// `None`: the key file beside the SQLite file.
    pub(crate) secret: Option<SecretKey>,
    pub(crate) previous: Vec<SecretKey>,
    /// `None` with an algorithm that signs with one: the key ring.
    pub(crate) private: Option<PrivateKey>,
    pub(crate) also_verify: Vec<PublicKey>,
}

/// The algorithm, and an HS algorithm whose tokens are accepted beside its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Algorithms {
    pub(crate) current: Algorithm,
    pub(crate) previous: Option<Algorithm>,
}

impl Algorithms {
    /// The one that asks for the longer secret.
    fn strictest(self) -> Algorithm {
        let previous = self.previous.unwrap_or(self.current);
        if previous.min_secret_bytes() > self.current.min_secret_bytes() { previous } else { self.current }
    }
}

/// # Errors
/// A problem in words; so for all here.
pub(super) fn secret(config: &Config, text: &str) -> Result<Option<SecretKey>, String> {
    secret::parse(text, config.keys.algorithms.strictest()).map(Some)
}

/// For refresh tokens any key of theirs will do; access tokens of an algorithm that asks for more are not taken by a
/// shorter one.
pub(super) fn previous(text: &str) -> Result<Vec<SecretKey>, String> {
    let texts = text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
    let keys = texts.map(|text| secret::parse(text, Algorithm::Hs256));
    keys.collect::<Result<_, _>>().map_err(|problem| format!("has a key that {problem}"))
}

pub(super) fn also_verify(text: &str) -> Result<Vec<PublicKey>, String> {
    PublicKey::all_from_pem(text).map_err(|error| format!("has a key that cannot be used: {error}"))
}

/// What is shown of several.
pub(super) fn count(keys: usize) -> String {
    if keys == 0 { String::new() } else { format!("({keys} redacted)") }
}

pub(super) fn private(config: &Config, text: &str) -> Result<Option<PrivateKey>, String> {
    let algorithm = config.keys.algorithms.current;
    let key = PrivateKey::from_pem(text).map_err(|error| error.problem().to_owned())?;
    let kind = key.algorithm();
    if algorithm.is_hmac() {
        return Err(format!(
            "has no use with ALGORITHM={algorithm}; set ALGORITHM={kind}, or, to prepare that, name the key in \
             PRIVATE_KEY_PREVIOUS_FILE"
        ));
    }
    if kind != algorithm {
        return Err(format!("is a key for {kind}, and ALGORITHM is {algorithm}; change one of them"));
    }
    Ok(Some(key))
}
