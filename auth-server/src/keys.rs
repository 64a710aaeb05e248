//! `auth-server keys`.

use std::{io, path::Path};

use auth_core::{Algorithm, ConfigError, PrivateKey};

use crate::{
    config::{Given, Origin},
    error::{Error, SettingError},
    key_file, run,
};

/// Makes a private key and prints it, or writes it to a file that must not exist yet: nothing that an overwritten
/// key signed could be verified again. Reads no setting but the flag `--algorithm`.
///
/// # Errors
/// [`Error::Setting`] for an algorithm that signs with the secret, [`Error::GenerateKey`].
pub(crate) fn generate_key(given: &[Given], out: Option<&Path>) -> Result<(), Error> {
    let flag = given.iter().find(|one| one.name == "ALGORITHM" && one.origin == Origin::Flag);
    let algorithm = match flag {
        None => Algorithm::EdDsa,
        Some(flag) => {
            let name = flag.value.to_str().unwrap_or_default();
            name.parse().map_err(|error: ConfigError| SettingError::from_core(&error).from(flag.origin))?
        }
    };
    if algorithm.is_hmac() {
        let problem =
            format!("cannot be {algorithm} here, which signs with SECRET_KEY; take EdDSA, ES256 or RS256");
        return Err(SettingError::new("ALGORITHM", problem).from(Origin::Flag).into());
    }
    let key = PrivateKey::generate(algorithm).map_err(|error| Error::GenerateKey(error.to_string()))?;
    let pem = key.expose_pem();
    match out {
        None => run::print([pem.trim_end().to_owned()]),
        Some(path) => {
            key_file::write_new(path, &pem).map_err(|error| Error::GenerateKey(cannot_write(&error)))
        }
    }
}

fn cannot_write(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "the file exists, and is left as it is; name another".to_owned(),
        kind => format!("the file cannot be written: {kind}"),
    }
}
