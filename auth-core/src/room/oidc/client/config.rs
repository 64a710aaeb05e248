//! The settings of the room.

use std::sync::OnceLock;

use url::Url;

use super::{Provider, SetUp, exchange::Connected, redirect::Targets};
use crate::ConfigError;

/// Which providers there are, and where browsers go; for [`AuthBuilder::oidc`](crate::AuthBuilder::oidc).
#[derive(Debug, Clone)]
#[must_use = "give it to AuthBuilder::oidc"]
pub struct Config {
    callback_url: String,
    providers: Vec<Provider>,
    redirect_origins: Vec<String>,
    default_redirect: String,
    known_identities_only: bool,
}

impl Config {
    /// `callback_url` is the address under which browsers reach this service's callbacks: that of a provider is
    /// `{callback_url}/{provider}/callback`, and has to be registered with it to the letter. Each provider has its own, which
    /// keeps one from being taken for another (RFC 9700 section 4.4). With auth-tower it is the public URL, where the service
    /// is mounted, and `/oauth`.
    pub fn new(callback_url: impl Into<String>) -> Self {
        Self {
            callback_url: callback_url.into(),
            providers: Vec::new(),
            redirect_origins: Vec::new(),
            default_redirect: "/".to_owned(),
            known_identities_only: false,
        }
    }

    /// Adds a provider.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Allows to send browsers back to pages of another origin, as `https://app.example.com`. May be called again for more.
    /// Default: the origin of the callbacks only.
    pub fn redirect_origin(mut self, origin: impl Into<String>) -> Self {
        self.redirect_origins.push(origin.into());
        self
    }

    /// The page to send browsers to when nothing was said, or when what was said is lost. Default `/`.
    pub fn default_redirect(mut self, page: impl Into<String>) -> Self {
        self.default_redirect = page.into();
        self
    }

    /// Makes no accounts, and joins none by address: an identity signs in only when its account has linked it. Default: an
    /// address that the provider calls verified makes an account, or joins the one that has proved the same address.
    pub fn known_identities_only(mut self) -> Self {
        self.known_identities_only = true;
        self
    }

    pub(super) fn build(self) -> Result<SetUp, ConfigError> {
        let refuse = |problem: &str| ConfigError::new("oidc callback_url", problem);
        let callbacks = Url::parse(&self.callback_url).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        });
        let callbacks =
            callbacks.ok_or_else(|| refuse("must be a whole address, as https://app.example.com/oauth"))?;
        let targets = Targets::new(&callbacks, &self.redirect_origins, &self.default_redirect)?;
        let mut providers: Vec<Connected> = Vec::new();
        for provider in self.providers {
            if providers.iter().any(|other| other.provider.name() == provider.name()) {
                let problem = format!("`{}` is there twice", provider.name());
                return Err(ConfigError::new("oidc provider", problem));
            }
            providers.push(Connected::new(provider, &callbacks)?);
        }
        Ok(SetUp {
            all: providers,
            targets,
            known_identities_only: self.known_identities_only,
            buckets: OnceLock::new(),
        })
    }
}
