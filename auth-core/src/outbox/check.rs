//! Whether mail leaves.

use std::time::Duration;

use crate::{Error, Finding, clock::duration_millis, kernel::Kernel, mail::MailError, store::count_events};

/// After four tries something is wrong that does not mend itself.
const STUCK: Duration = Duration::from_hours(1);
/// How far back mails that were given up are news.
const LATELY: Duration = Duration::from_hours(7 * 24);
/// The mail server may take so long to greet.
const PATIENCE: Duration = Duration::from_secs(10);

impl Kernel {
    pub(crate) async fn check_mailer(&self) -> Option<Finding> {
        let looked = tokio::time::timeout(PATIENCE, self.post.as_ref()?.mailer.check()).await;
        match looked.unwrap_or_else(|_| Err(MailError::NotNow("timed out".to_owned()))) {
            Ok(()) => None,
            Err(MailError::NotNow(why)) => Some(Finding::error(
                "mail_server_unreachable",
                format!(
                    "the mail server cannot be spoken with ({why}): mails wait, and are given up after a day"
                ),
                "see that its address is right and open from here, that it speaks TLS, and that its certificate is good",
            )),
            Err(MailError::Refused(why)) => Some(Finding::error(
                "mail_server_refuses",
                format!("the mail server refuses us ({why}): mails wait, and are given up after a day"),
                "see that user and password are right, and that the server takes mail from here",
            )),
        }
    }

    pub(crate) async fn check_outbox(&self) -> Result<Vec<Finding>, Error> {
        let (db, now) = (self.store.db(), self.now());
        let mut found = Vec::new();
        if self.mail_backlog().await?.oldest.is_some_and(|age| age > STUCK) {
            found.push(Finding::warning(
                "mail_stuck",
                "a mail has been waiting in the outbox for more than an hour",
                "see in the log of the server why mails wait; a server has to run, or `Auth::run_background`",
            ));
        }
        let lately = now.saturating_sub(duration_millis(LATELY));
        let given_up = count_events(db, "mail_given_up", lately).await?;
        if given_up > 0 {
            found.push(Finding::warning(
                "mails_given_up",
                format!("{given_up} mails were given up within a week, as the audit has it"),
                "see in the log of that time why: recipients that do not exist, or a server that refuses us",
            ));
        }
        Ok(found)
    }
}
