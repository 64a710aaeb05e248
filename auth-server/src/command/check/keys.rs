//! The secret key.

use auth_core::{Finding, SecretKey};

use super::settings;
use crate::{config::Config, error::Error, handle, key_file};

/// The secret, if there is one that could be used. On a first start there is none yet, which is told where the database is.
pub(super) fn secret(config: &Config, is_first_start: bool, found: &mut Vec<Finding>) -> Option<SecretKey> {
    let file = config.database.url.sqlite_file().map(|database| key_file::path(database));
    match handle::secret_again(config.keys.secret.as_ref(), &config.database) {
        Ok(secret) => return Some(secret),
        Err(Error::Setting(error)) => found.push(settings::finding(&error)),
        Err(_) if file.is_some_and(|file| matches!(file.try_exists(), Ok(false))) => {
            if !is_first_start {
                found.push(Finding::error(
                    "key_missing",
                    "auth.key is not there, though the SQLite file is: the next start makes another key, and everyone has to \
                     sign in again",
                    "restore auth.key from a backup, or set SECRET_KEY",
                ));
            }
        }
        Err(error) => found.push(Finding::error("key_file", error.to_string(), "restore it from a backup")),
    }
    None
}

/// For a look at the rest where there is no secret. Nothing is made with it.
pub(super) fn stand_in() -> Option<SecretKey> {
    SecretKey::new([1; 64]).ok()
}
