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
    /// sends it to [`Auth::verify_email`](crate::Auth::verify_email). Empty by default: where there is a mailer it has to be
    /// named, best with [`pages_at`](Self::pages_at).
    pub verify_email_url: String,
    /// The page that a link to choose a new password leads to, in the same way.
    pub reset_password_url: String,
    /// The page that a link to stop a change of address leads to, in the same way.
    pub stop_email_change_url: String,
    /// The page that a link to sign in leads to, in the same way. Needed only with [`EmailSignIn`](crate::EmailSignIn).
    pub sign_in_url: String,
    /// How long a link to prove an address works, and one that stops a change of it. Default a day.
    pub verify_email_ttl: Duration,
    /// How long a link to choose a new password works. Default an hour.
    pub reset_password_ttl: Duration,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            service_name: "auth".to_owned(),
            verify_email_url: String::new(),
            reset_password_url: String::new(),
            stop_email_change_url: String::new(),
            sign_in_url: String::new(),
            verify_email_ttl: Duration::from_hours(24),
            reset_password_ttl: Duration::from_hours(1),
        }
    }
}

impl MailConfig {
    /// Lets all links lead to the built-in pages, which are where the endpoints are: `https://app.example.com/auth`.
    ///
    /// ```
    /// # async fn example(db: sea_orm::DatabaseConnection, keys: auth_core::Keys) -> Result<(), auth_core::ConfigError> {
    /// use std::sync::Arc;
    ///
    /// use auth_core::{Auth, mail::LogMailer};
    ///
    /// let auth = Auth::builder(db, keys)
    ///     .mailer(Arc::new(LogMailer))
    ///     .configure(|config| config.mail.pages_at("https://app.example.com/auth"))
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages_at(&mut self, endpoints: &str) {
        let endpoints = endpoints.trim_end_matches('/');
        self.verify_email_url = format!("{endpoints}/verify-email");
        self.reset_password_url = format!("{endpoints}/reset-password");
        self.stop_email_change_url = format!("{endpoints}/stop-email-change");
        self.sign_in_url = format!("{endpoints}/login/email/confirm");
    }

    fn pages(&self) -> [(&'static str, &str); 4] {
        [
            ("mail.verify_email_url", &self.verify_email_url),
            ("mail.reset_password_url", &self.reset_password_url),
            ("mail.stop_email_change_url", &self.stop_email_change_url),
            (SIGN_IN_URL, &self.sign_in_url),
        ]
    }

    /// Where there is a mailer: nobody else knows where people get to this service.
    pub(crate) fn validate_pages_named(&self, signs_in: bool) -> Result<(), ConfigError> {
        let is_needed = |name: &str| signs_in || name != SIGN_IN_URL;
        match self.pages().into_iter().find(|(name, url)| url.is_empty() && is_needed(name)) {
            Some((name, _)) => {
                Err(ConfigError::new(name, "is needed where there is a mailer; see mail.pages_at"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        filled("mail.service_name", &self.service_name)?;
        for (name, url) in self.pages().into_iter().filter(|(_, url)| !url.is_empty()) {
            page(name, url)?;
        }
        lifetime("mail.verify_email_ttl", self.verify_email_ttl)?;
        lifetime("mail.reset_password_ttl", self.reset_password_ttl)
    }
}

const SIGN_IN_URL: &str = "mail.sign_in_url";

/// A link may lead to a page of ours or of the host's, and nowhere else (ASVS 1.2.2).
fn page(name: &'static str, url: &str) -> Result<(), ConfigError> {
    if is_web_address(url) {
        return Ok(());
    }
    Err(ConfigError::new(name, "must be a whole URL with http or https and without a fragment"))
}

/// Whole, and without a fragment.
pub(super) fn is_web_address(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte));
    host.is_some_and(|host| is_plain && !host.is_empty() && !host.starts_with('/'))
}
