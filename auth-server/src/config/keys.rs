//! The settings that keys are made of.

use auth_core::{Algorithm, PrivateKey, PublicKey, SecretKey};

use super::{database_url::DatabaseUrl, reader::Reader, secret, value};
use crate::error::SettingError;

/// What tokens are signed with.
#[derive(Debug)]
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
#[derive(Debug, Clone, Copy)]
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

pub(super) fn read_algorithms(reader: &mut Reader) -> Result<Algorithms, SettingError> {
    let current =
        reader.setting("ALGORITHM", Algorithm::default(), value::algorithm, Algorithm::to_string)?;
    let previous = reader.setting(
        "ALGORITHM_PREVIOUS",
        None,
        |text| value::hmac_algorithm(text).map(Some),
        |algorithm| algorithm.map_or_else(String::new, |algorithm| algorithm.to_string()),
    )?;
    Ok(Algorithms { current, previous })
}

pub(super) fn read_keys(
    reader: &mut Reader,
    algorithms: Algorithms,
    database: &DatabaseUrl,
) -> Result<KeyConfig, SettingError> {
    Ok(KeyConfig {
        algorithms,
        secret: read_secret(reader, algorithms.strictest(), database)?,
        previous: read_previous(reader)?,
        private: read_private(reader, algorithms.current)?,
        also_verify: read_also_verify(reader)?,
    })
}

fn read_secret(
    reader: &mut Reader,
    algorithm: Algorithm,
    database: &DatabaseUrl,
) -> Result<Option<SecretKey>, SettingError> {
    const NAME: &str = "SECRET_KEY";
    let Some((text, origin)) = reader.secret(NAME)? else {
        let own_file = database.sqlite_file().is_some();
        let (value, origin) =
            if own_file { ("(redacted)", "default, file auth.key") } else { ("(not set)", "default") };
        reader.show(NAME, value, origin);
        return Ok(None);
    };
    let key =
        secret::parse(&text, algorithm).map_err(|problem| SettingError::new(NAME, problem).from(&origin))?;
    reader.show(NAME, "(redacted)", origin);
    Ok(Some(key))
}

/// For refresh tokens any key of theirs will do; access tokens of an algorithm that asks for more are not taken by a
/// shorter one.
fn read_previous(reader: &mut Reader) -> Result<Vec<SecretKey>, SettingError> {
    read_several(reader, "SECRET_KEY_PREVIOUS", |text| {
        let texts = text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty());
        let keys = texts.map(|text| secret::parse(text, Algorithm::Hs256));
        keys.collect::<Result<_, _>>().map_err(|problem| format!("has a key that {problem}"))
    })
}

fn read_also_verify(reader: &mut Reader) -> Result<Vec<PublicKey>, SettingError> {
    read_several(reader, "PRIVATE_KEY_PREVIOUS", |text| {
        PublicKey::all_from_pem(text).map_err(|error| format!("has a key that cannot be used: {error}"))
    })
}

fn read_several<T>(
    reader: &mut Reader,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<Vec<T>, String>,
) -> Result<Vec<T>, SettingError> {
    let Some((text, origin)) = reader.secret(name)? else {
        reader.show(name, "", "default");
        return Ok(Vec::new());
    };
    let keys = parse(&text).map_err(|problem| SettingError::new(name, problem).from(&origin))?;
    let shown = if keys.is_empty() { String::new() } else { format!("({} redacted)", keys.len()) };
    reader.show(name, shown, origin);
    Ok(keys)
}

fn read_private(reader: &mut Reader, algorithm: Algorithm) -> Result<Option<PrivateKey>, SettingError> {
    const NAME: &str = "PRIVATE_KEY";
    let Some((text, origin)) = reader.secret(NAME)? else {
        reader.show(NAME, if algorithm.is_hmac() { "" } else { "(key ring in the database)" }, "default");
        return Ok(None);
    };
    let refuse = |problem: String| SettingError::new(NAME, problem).from(&origin);
    let key = PrivateKey::from_pem(&text).map_err(|error| refuse(error.problem().to_owned()))?;
    let kind = key.algorithm();
    if algorithm.is_hmac() {
        return Err(refuse(format!(
            "has no use with ALGORITHM={algorithm}; set ALGORITHM={kind}, or, to prepare that, name the key in \
             PRIVATE_KEY_PREVIOUS_FILE"
        )));
    }
    if kind != algorithm {
        return Err(refuse(format!("is a key for {kind}, and ALGORITHM is {algorithm}; change one of them")));
    }
    reader.show(NAME, "(redacted)", origin);
    Ok(Some(key))
}
