use std::time::Duration;

use super::{filled, lifetime};
use crate::ConfigError;

/// What mails say, and where their links lead.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailConfig {
    /// What mails call this service. Default: the same as `issuer`'s default, `auth`.
    pub service_name: String,
    /// The page that a link to prove an address leads to; the token is added as the fragment `#token=`, and the page
    /// sends it to [`Auth::verify_email`](crate::Auth::verify_email). Default `http://localhost:8000/verify-email`.
    pub verify_email_url: String,
    /// The page that a link to choose a new password leads to, in the same way. Default
    /// `http://localhost:8000/reset-password`.
    pub reset_password_url: String,
    /// The page that a link to stop a change of address leads to, in the same way. Default
    /// `http://localhost:8000/stop-email-change`.
    pub stop_email_change_url: String,
    /// How long a link to prove an address works, and one that stops a change of it. Default a day.
    pub verify_email_ttl: Duration,
    /// How long a link to choose a new password works. Default an hour.
    pub reset_password_ttl: Duration,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            service_name: "auth".to_owned(),
            verify_email_url: "http://localhost:8000/verify-email".to_owned(),
            reset_password_url: "http://localhost:8000/reset-password".to_owned(),
            stop_email_change_url: "http://localhost:8000/stop-email-change".to_owned(),
            verify_email_ttl: Duration::from_hours(24),
            reset_password_ttl: Duration::from_hours(1),
        }
    }
}

impl MailConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        filled("mail.service_name", &self.service_name)?;
        page("mail.verify_email_url", &self.verify_email_url)?;
        page("mail.reset_password_url", &self.reset_password_url)?;
        page("mail.stop_email_change_url", &self.stop_email_change_url)?;
        lifetime("mail.verify_email_ttl", self.verify_email_ttl)?;
        lifetime("mail.reset_password_ttl", self.reset_password_ttl)
    }
}

/// A link may lead to a page of ours or of the host's, and nowhere else (ASVS 1.2.2).
fn page(name: &'static str, url: &str) -> Result<(), ConfigError> {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte));
    match host {
        Some(host) if is_plain && !host.is_empty() && !host.starts_with('/') => Ok(()),
        _ => Err(ConfigError::new(name, "must be a whole URL with http or https and without a fragment")),
    }
}
