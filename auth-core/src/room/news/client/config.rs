use std::{fmt, sync::Arc, time::Duration};

use http::Uri;
use uuid::Uuid;

use super::secret::SigningSecret;
use crate::{
    Auth, AuthBuilder, ConfigError,
    http_client::{HttpClient, Limits, Reach},
    webhooks::{WebhookSecret, Webhooks},
};

/// From the look-up of the name to the last byte that is read.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BYTES: usize = 4 * 1024;

/// Who is told of events.
#[must_use = "hand it to AuthBuilder::webhooks"]
#[derive(Default)]
pub struct Config {
    webhook: Option<(String, WebhookSecret)>,
    logout_urls: Vec<String>,
    allow_private: bool,
    root_certificates: Vec<Vec<u8>>,
}

impl Config {
    /// Nobody yet but whom an administrator adds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Told of every event. The address may be private, and plain http: whoever sets it runs the service.
    pub fn webhook(mut self, url: impl Into<String>, secret: impl Into<WebhookSecret>) -> Self {
        self.webhook = Some((url.into(), secret.into()));
        self
    }

    /// Is sent a logout token whenever sessions end (OpenID Connect Back-Channel Logout 1.0). May be called again for more.
    pub fn logout_url(mut self, url: impl Into<String>) -> Self {
        self.logout_urls.push(url.into());
        self
    }

    /// Lets administrators name private addresses and plain http too. Whoever administers accounts can then make this service ask
    /// what only its machine can reach.
    pub fn allow_private(mut self) -> Self {
        self.allow_private = true;
        self
    }

    /// Trusts these certification authorities, in PEM, and no others. May be called again for more. Default: those of Mozilla's list.
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

/// One whom a setting names.
pub(super) struct OfSetting {
    /// What its row is found by.
    pub(super) name: String,
    pub(super) url: String,
    /// `None`: it is sent logout tokens, which are signed otherwise.
    pub(super) secret: Option<SigningSecret>,
}

/// What the host set the room up with.
pub(crate) struct SetUp {
    pub(super) of_settings: Vec<OfSetting>,
    /// For addresses of settings.
    pub(super) trusted: HttpClient,
    /// For those of administrators.
    pub(super) given: HttpClient,
    pub(super) reach: Reach,
}

impl SetUp {
    fn new(config: &Config, core: &crate::Config) -> Result<Self, ConfigError> {
        if core.audit_retention.is_none() {
            return Err(ConfigError::new(
                "audit_retention",
                "is off; webhooks and logout tokens tell what the audit has",
            ));
        }
        let limits = Limits { timeout: TIMEOUT, max_bytes: MAX_BYTES, keeps_connections: true };
        let client = |reach| {
            HttpClient::new(&config.root_certificates, reach, limits)
                .map_err(|error| ConfigError::new("webhooks root_certificate", error.to_string()))
        };
        let mut of_settings = Vec::new();
        if let Some((url, secret)) = &config.webhook {
            let url = checked("webhooks.webhook", url)?;
            let secret = Some(SigningSecret::of_setting("webhooks.secret", secret)?);
            of_settings.push(OfSetting { name: "webhook".to_owned(), url, secret });
        }
        for url in &config.logout_urls {
            let url = checked("webhooks.logout_url", url)?;
            // One row for each address, whatever stands beside it in the list.
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, url.as_bytes());
            let id = digest.as_ref().first_chunk().map_or(Uuid::nil(), |bytes| Uuid::from_bytes(*bytes));
            of_settings.push(OfSetting { name: format!("logout {id}"), url, secret: None });
        }
        let reach = if config.allow_private { Reach::Anywhere } else { Reach::Public };
        Ok(Self { of_settings, trusted: client(Reach::Anywhere)?, given: client(reach)?, reach })
    }
}

fn checked(setting: &'static str, url: &str) -> Result<String, ConfigError> {
    let uri: Uri = url.parse().map_err(|_| ConfigError::new(setting, "is no URL"))?;
    Reach::Anywhere
        .allows(&uri)
        .map_err(|error| ConfigError::new(setting, format!("cannot be used: {error}")))?;
    if url.len() > 2048 {
        return Err(ConfigError::new(setting, "is longer than 2048 bytes"));
    }
    Ok(url.to_owned())
}

impl AuthBuilder {
    /// Tells other services of events as they happen, which are rows of the audit
    /// ([`audit_retention`](crate::Config::audit_retention)). Something has to run
    /// [`Auth::run_background`](crate::Auth::run_background).
    pub fn webhooks(self, config: Config) -> Self {
        self.set_up(move |core| Ok(Arc::new(SetUp::new(&config, core)?)))
    }
}

impl Auth {
    /// Who is told of events. `None`: webhooks are off ([`AuthBuilder::webhooks`](crate::AuthBuilder::webhooks)).
    pub fn webhooks(&self) -> Option<Webhooks> {
        Some(Webhooks::new(Arc::clone(&self.kernel), self.kernel.set_up::<SetUp>()?))
    }
}
