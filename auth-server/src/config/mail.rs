//! Mail, what is asked for by it, and how long events are kept.

use std::time::Duration;

use auth_core::{EmailVerification, Finding};
use zeroize::Zeroizing;

use super::{DAY, Reader, value};
use crate::error::SettingError;

/// How mail leaves.
pub(crate) struct MailConfig {
    /// Address of the server and sender; `None`: mails are written to the log.
    pub(crate) smtp: Option<Smtp>,
    /// `None`: the built-in page.
    pub(crate) verify_email_url: Option<String>,
    pub(crate) reset_password_url: Option<String>,
}

pub(crate) struct Smtp {
    pub(crate) url: Zeroizing<String>,
    pub(crate) from: String,
}

/// Neither of them is for a log.
impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig").field("smtp", &self.smtp.is_some()).finish_non_exhaustive()
    }
}

pub(super) fn read_mail(
    reader: &mut Reader,
    auth: &mut auth_core::Config,
    public_url: Option<&str>,
    warnings: &mut Vec<Finding>,
) -> Result<MailConfig, SettingError> {
    let url = reader.secret("SMTP_URL")?;
    let shown = url.as_ref().map_or("", |_| "(hidden)");
    reader.show("SMTP_URL", shown, url.as_ref().map_or("default", |(_, origin)| origin.as_str()));
    let from = reader.setting("MAIL_FROM", String::new(), |text| Ok(text.to_owned()), String::clone)?;
    let smtp = match url {
        None => None,
        Some(_) if from.is_empty() => {
            let problem = "is needed with SMTP_URL: the sender of mails, as in auth@example.com";
            return Err(SettingError::new("MAIL_FROM", problem));
        }
        Some((url, _)) => Some(Smtp { url, from }),
    };
    let name = |text: &str| {
        let fine = text.len() <= 100 && !text.chars().any(char::is_control);
        if fine { Ok(text.to_owned()) } else { Err("is no short line of text; name the service".to_owned()) }
    };
    let host = public_url.map_or("this service", value::host_of).to_owned();
    auth.mail.service_name = reader.setting("SERVICE_NAME", host, name, String::clone)?;
    auth.email_verification =
        reader.setting("EMAIL_VERIFICATION", EmailVerification::Off, verification, |verification| {
            match verification {
                EmailVerification::On => "on",
                EmailVerification::Required => "required",
                _ => "off",
            }
            .to_owned()
        })?;
    let page = |reader: &mut Reader, name, path: &str| {
        let built_in = format!("(built in, at {path})");
        reader.setting(
            name,
            None,
            |text| Ok(Some(text.to_owned())),
            |url: &Option<String>| url.clone().unwrap_or(built_in),
        )
    };
    let verify_email_url = page(reader, "VERIFY_EMAIL_URL", "/verify-email")?;
    let reset_password_url = page(reader, "RESET_PASSWORD_URL", "/reset-password")?;
    let days = reader.number("AUDIT_RETENTION_DAYS", 90, 0, 3650)?;
    auth.audit_retention = (days > 0).then(|| Duration::from_secs(days * DAY));
    let is_public = public_url.is_some_and(|url| !value::is_loopback(value::host_of(url)));
    if smtp.is_none() && (is_public || auth.email_verification != EmailVerification::Off) {
        warnings.push(Finding::warning(
            "mail_in_log",
            "SMTP_URL is not set: mails are written to the log, and whoever reads it can take over any account",
            "set SMTP_URL and MAIL_FROM",
        ));
    }
    Ok(MailConfig { smtp, verify_email_url, reset_password_url })
}

fn verification(text: &str) -> Result<EmailVerification, String> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Ok(EmailVerification::Off),
        "on" => Ok(EmailVerification::On),
        "required" => Ok(EmailVerification::Required),
        _ => Err("is none of off, on and required".to_owned()),
    }
}
