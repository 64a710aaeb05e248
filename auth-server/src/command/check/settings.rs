//! The settings by themselves.

use std::path::Path;

use auth_core::Finding;
use sea_orm::DatabaseConnection;
use tracing::level_filters::LevelFilter;

use crate::{
    config::{Config, Given},
    error::SettingError,
    handle, start,
};

use super::keys;

/// The settings, with all that cannot be used taken out, and why each of these cannot; no settings where that is of no help.
pub(super) fn read(given: &[Given], directory: &Path) -> (Option<Config>, Vec<SettingError>) {
    let mut unusable: Vec<SettingError> = Vec::new();
    let mut without: Vec<String> = Vec::new();
    loop {
        let read = Config::load_without(&without, given.to_vec(), directory);
        let error = match read.and_then(|config| build(&config).map(|()| config)) {
            Ok(config) => return (Some(config), unusable),
            Err(error) => error,
        };
        let name = error.name().to_owned();
        if without.contains(&name) {
            return (None, unusable);
        }
        unusable.push(error);
        if name.starts_with("TLS_") {
            // Without the other one each is wrong.
            without.extend(["TLS_CERT_FILE", "TLS_KEY_FILE"].map(str::to_owned));
            continue;
        }
        let base = name.strip_suffix("_FILE").unwrap_or(&name);
        without.extend([base.to_owned(), format!("{base}_FILE"), name]);
    }
}

/// What is refused only when everything is put together. Nothing is connected with.
fn build(config: &Config) -> Result<(), SettingError> {
    let Some(secret) = config.keys.secret.clone().or_else(keys::stand_in) else { return Ok(()) };
    // A free port is not known before the start, and any other will do here.
    let url = config.http.public_url(config.http.listen.port.max(1));
    let auth = handle::auth(config, DatabaseConnection::default(), handle::keys(config, secret), &url)?;
    start::service(auth, config, &url).map(drop)
}

pub(super) fn finding(error: &SettingError) -> Finding {
    Finding::error("setting", error.to_string(), "change it; the start is refused as it is")
}

/// Whether what the setting names cannot be looked at without it.
pub(super) fn is_about_the_world(error: &SettingError) -> bool {
    const WORLD: [&str; 7] =
        ["DATABASE_", "SECRET_KEY", "PRIVATE_KEY", "ALGORITHM", "SMTP_", "MAIL_", "OAUTH"];
    WORLD.iter().any(|beginning| error.name().starts_with(beginning))
}

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let flags: Vec<&str> = config
        .rows
        .iter()
        .filter(|row| row.origin == "flag")
        .map(|row| &*row.name)
        .filter(|name| config.keeps_secret(name))
        .collect();
    if !flags.is_empty() {
        found.push(Finding::warning(
            "secret_flag",
            format!(
                "{} is given as a flag: every user of this machine sees it in the list of processes",
                flags.join(", ")
            ),
            "name a file with it instead, by the same name and _FILE",
        ));
    }
    if config.log.level == LevelFilter::OFF {
        found.push(Finding::warning(
            "log_off",
            "LOG_LEVEL is off: nobody will know what goes wrong, or who was attacked",
            "set LOG_LEVEL to warn or info",
        ));
    } else if config.log.level > LevelFilter::INFO {
        found.push(Finding::note(
            "log_verbose",
            "LOG_LEVEL is debug or trace: each request writes many lines",
            "set LOG_LEVEL to info when you have found what you are looking for",
        ));
    }
    found
}
