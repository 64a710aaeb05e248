//! Mail, and the pages that its links lead to.

use auth_core::{EmailVerification, Finding};
use zeroize::Zeroizing;

use super::{Config, value};
use crate::error::SettingError;

/// How mail leaves.
#[derive(Default)]
pub(crate) struct MailConfig {
    /// Address of the server; `None`: mails are written to the log.
    pub(crate) smtp_url: Option<Zeroizing<String>>,
    /// The sender.
    pub(crate) from: String,
    /// `None`: the built-in page.
    pub(crate) verify_email_url: Option<String>,
    pub(crate) reset_password_url: Option<String>,
    pub(crate) stop_email_change_url: Option<String>,
    pub(crate) sign_in_url: Option<String>,
}

/// Neither of them is for a log.
impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig").field("smtp", &self.smtp_url.is_some()).finish_non_exhaustive()
    }
}

/// Holds the settings of mail against each other.
pub(super) fn agree(config: &mut Config) -> Result<(), SettingError> {
    if config.mail.smtp_url.is_some() && config.mail.from.is_empty() {
        let problem = "is needed with SMTP_URL: the sender of mails, as in auth@example.com";
        return Err(SettingError::new("MAIL_FROM", problem));
    }
    let is_public =
        config.http.public_url.as_deref().is_some_and(|url| !value::is_loopback(value::host_of(url)));
    let verifies = config.auth.email_verification != EmailVerification::Off;
    if config.mail.smtp_url.is_none() && (is_public || verifies) {
        config.warnings.push(Finding::warning(
            "mail_in_log",
            "SMTP_URL is not set: mails are written to the log, and whoever reads it can take over any account",
            "set SMTP_URL and MAIL_FROM",
        ));
    }
    Ok(())
}
