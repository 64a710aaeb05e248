//! Who is told of events, and who is asked: webhooks, logout tokens, the hook.

use auth_core::{OnHookFailure, webhooks};
use zeroize::Zeroizing;

use super::Config;
use crate::error::SettingError;

/// What makes a secret of the right form.
const RECIPE: &str = "make one with: echo whsec_$(openssl rand -base64 32)";

/// Where events go, and who is asked.
#[derive(Default)]
pub(crate) struct NewsConfig {
    webhook_url: Option<String>,
    webhook_secret: Option<Zeroizing<String>>,
    allow_private: bool,
    logout_urls: Vec<String>,
    pub(crate) hook_url: Option<String>,
    pub(crate) hook_secret: Option<Zeroizing<String>>,
}

/// None of them is for a log.
impl std::fmt::Debug for NewsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewsConfig").field("hook", &self.hook_url.is_some()).finish_non_exhaustive()
    }
}

pub(super) mod field {
    //! Where each setting is kept.

    use super::{Config, OnHookFailure, Zeroizing};

    pub(in crate::config) fn webhook_url(config: &mut Config) -> &mut Option<String> {
        &mut config.news.webhook_url
    }

    pub(in crate::config) fn webhook_secret(config: &mut Config) -> &mut Option<Zeroizing<String>> {
        &mut config.news.webhook_secret
    }

    pub(in crate::config) fn allow_private(config: &mut Config) -> &mut bool {
        &mut config.news.allow_private
    }

    pub(in crate::config) fn logout_urls(config: &mut Config) -> &mut Vec<String> {
        &mut config.news.logout_urls
    }

    pub(in crate::config) fn hook_failure(config: &mut Config) -> &mut OnHookFailure {
        &mut config.auth.hooks.on_failure
    }
}

impl NewsConfig {
    /// Whether somebody is told of events by a setting.
    pub(crate) fn tells(&self) -> bool {
        self.webhook_url.is_some() || !self.logout_urls.is_empty()
    }

    pub(crate) fn webhooks(&self) -> webhooks::Config {
        let mut config = webhooks::Config::new();
        if let (Some(url), Some(secret)) = (&self.webhook_url, &self.webhook_secret) {
            config = config.webhook(url, secret.as_str());
        }
        if self.allow_private {
            config = config.allow_private();
        }
        self.logout_urls.iter().fold(config, webhooks::Config::logout_url)
    }
}

/// Addresses with commas between them.
pub(super) fn urls(text: &str) -> Result<Vec<String>, String> {
    let urls: Vec<String> =
        text.split(',').map(|url| url.trim().to_owned()).filter(|url| !url.is_empty()).collect();
    match urls.iter().find(|url| !url.starts_with("https://") && !url.starts_with("http://")) {
        Some(_) => Err("has an address that begins with neither https:// nor http://".to_owned()),
        None => Ok(urls),
    }
}

/// Holds these settings against each other.
pub(super) fn agree(config: &Config) -> Result<(), SettingError> {
    let news = &config.news;
    for (url, url_name, secret, secret_name) in [
        (&news.webhook_url, "WEBHOOK_URL", &news.webhook_secret, "WEBHOOK_SECRET"),
        (&news.hook_url, "HOOK_URL", &news.hook_secret, "HOOK_SECRET"),
    ] {
        match (url, secret) {
            (Some(_), None) => {
                return Err(SettingError::new(secret_name, format!("is needed with {url_name}; {RECIPE}")));
            }
            (None, Some(_)) => {
                return Err(SettingError::new(url_name, format!("is needed with {secret_name}")));
            }
            _ => {}
        }
    }
    Ok(())
}
