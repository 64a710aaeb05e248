//! SIGHUP: reads the settings again, and puts in force what can change while the process runs.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use auth_core::Auth;
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::{
    config::{Config, Given, setting},
    error::{Error, SettingError},
    handle,
    signals::Hangups,
    systemd,
};

/// Taken over too, unless TLS begins or ends with them.
const TAKEN_WITH_TLS: [&str; 2] = ["TLS_CERT_FILE", "TLS_KEY_FILE"];

/// What a running process needs for it.
pub(crate) struct Reload {
    /// Flags and environment, which stay as they are; what they name as a file may change.
    given: Vec<Given>,
    /// The settings of the start.
    running: Config,
    auth: Auth,
    /// Where the certificate comes from that the next handshake is made with.
    tls: Option<watch::Sender<Arc<ServerConfig>>>,
}

impl Reload {
    pub(crate) fn new(
        given: Vec<Given>,
        running: Config,
        auth: Auth,
        tls: Option<watch::Sender<Arc<ServerConfig>>>,
    ) -> Self {
        Self { given, running, auth, tls }
    }

    /// Reloads at every signal, for ever.
    pub(crate) async fn at(self, mut hangups: Hangups) {
        loop {
            hangups.next().await;
            systemd::reloading();
            match self.reload().await {
                Ok(()) => tracing::info!("the settings were read again; their keys are in force"),
                Err(error) => {
                    tracing::error!("the settings were read again, and everything stays as it was: {error}");
                }
            }
            systemd::ready();
        }
    }

    async fn reload(&self) -> Result<(), Error> {
        let given = self.given.clone();
        let read = tokio::task::spawn_blocking(move || Config::load(given, Path::new(""))).await;
        let new = read.map_err(|error| Error::System { what: "settings", source: error.into() })??;
        // The database stays, and with it the place of the key beside a SQLite file.
        let secret = handle::secret_again(new.keys.secret.as_ref(), &self.running.database)?;
        // A key that was added to the ring a moment ago is one to sign with. If this fails, the watch says so.
        let _ = self.auth.poll_keys().await;
        self.auth.set_keys(&handle::keys(&new, secret)).map_err(|error| SettingError::from_core(&error))?;
        // The last step, as it cannot fail. Connections that are open keep what they began with.
        if let (Some(current), Some(tls)) = (&self.tls, &new.http.listen.tls) {
            current.send_replace(Arc::clone(tls));
        }
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
        let tls_stays = self.tls.is_some() == new.http.listen.tls.is_some();
        let names: BTreeSet<&str> = self.running.rows.iter().chain(&new.rows).map(|row| &*row.name).collect();
        let differs = |name: &&str| {
            let (was, is) = (row(&self.running, name), row(new, name));
            let given = [was, is].into_iter().flatten().any(|row| !row.origin.starts_with("default"));
            let differs = was.map(|row| &row.value) != is.map(|row| &row.value);
            let taken = setting(name).is_some_and(|setting| setting.reloads)
                || (tls_stays && TAKEN_WITH_TLS.contains(name));
            !taken && given && (differs || (*name == "DATABASE_URL" && other_url))
        };
        names.into_iter().filter(differs).collect()
    }
}
