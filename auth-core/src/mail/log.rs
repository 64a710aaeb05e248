//! For development: mails are read in the log.

use super::{Mail, MailText, Mailer, Sending};
use crate::Password;

/// Writes mails to the log, as warnings with target `auth_core::mail`. Whoever reads the log can take over any account:
/// for development.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogMailer;

impl Mailer for LogMailer {
    fn send<'a>(&'a self, mail: &'a Mail, text: &'a MailText) -> Sending<'a> {
        tracing::warn!(
            target: "auth_core::mail",
            to = mail.to,
            subject = text.subject,
            link = mail.link.as_ref().map(|link| link.url.as_str()),
            code = mail.code.as_ref().map(Password::expose),
            "a mail that nobody sends"
        );
        Box::pin(std::future::ready(Ok(())))
    }

    fn reaches_its_recipients(&self) -> bool {
        false
    }
}
