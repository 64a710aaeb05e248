//! SIGHUP: reads the settings again, and puts in force what can change while the process runs.

use std::{collections::BTreeSet, path::Path};

use auth_core::Auth;

use crate::{
    config::{Config, Given},
    error::{Error, SettingError},
    signals::Hangups,
    start,
};

/// The settings that can.
const TAKEN: [&str; 6] = [
    "SECRET_KEY",
    "SECRET_KEY_PREVIOUS",
    "ALGORITHM",
    "ALGORITHM_PREVIOUS",
    "PRIVATE_KEY",
    "PRIVATE_KEY_PREVIOUS",
];

/// What a running process needs for it.
pub(crate) struct Reload {
    /// Flags and environment, which stay as they are; what they name as a file may change.
    given: Vec<Given>,
    /// The settings of the start.
    running: Config,
    auth: Auth,
}

impl Reload {
    pub(crate) fn new(given: Vec<Given>, running: Config, auth: Auth) -> Self {
        Self { given, running, auth }
    }

    /// Reloads at every signal, for ever.
    pub(crate) async fn at(self, mut hangups: Hangups) {
        loop {
            hangups.next().await;
            match self.reload().await {
                Ok(()) => tracing::info!("the settings were read again; their keys are in force"),
                Err(error) => {
                    tracing::error!("the settings were read again, and everything stays as it was: {error}");
                }
            }
        }
    }

    async fn reload(&self) -> Result<(), Error> {
        let given = self.given.clone();
        let read = tokio::task::spawn_blocking(move || Config::load(given, Path::new(""))).await;
        let new = read.map_err(|error| Error::System { what: "settings", source: error.into() })??;
        // The database stays, and with it the place of the key beside a SQLite file.
        let secret = start::secret_again(new.keys.secret.as_ref(), &self.running.database)?;
        // A key that was added to the ring a moment ago is one to sign with. If this fails, the watch says so.
        let _ = self.auth.poll_keys().await;
        self.auth.set_keys(&start::keys(&new, secret)).map_err(|error| SettingError::from_core(&error))?;
        for warning in &new.warnings {
            tracing::warn!("{warning}");
        }
        for name in self.left_for_the_next_start(&new) {
            tracing::warn!("{name} has changed, which takes effect at the next start only");
        }
        Ok(())
    }

    fn left_for_the_next_start<'a>(&'a self, new: &'a Config) -> Vec<&'a str> {
        // Its row shows no password.
        let other_url = self.running.database.url.expose() != new.database.url.expose();
        let row = |of: &'a Config, name: &str| of.rows.iter().find(|row| row.name == name);
        let names: BTreeSet<&str> = self.running.rows.iter().chain(&new.rows).map(|row| &*row.name).collect();
        let differs = |name: &&str| {
            let (was, is) = (row(&self.running, name), row(new, name));
            let given = [was, is].into_iter().flatten().any(|row| !row.origin.starts_with("default"));
            let differs = was.map(|row| &row.value) != is.map(|row| &row.value);
            !TAKEN.contains(name) && given && (differs || (*name == "DATABASE_URL" && other_url))
        };
        names.into_iter().filter(differs).collect()
    }
}
