//! Links that work once, up to the moment in which a room spends one: asked for, and looked at.

use crate::{
    ClientInfo, ConfigError, Error, FieldError, LinkRefusal, OneTimeToken, UserId,
    email::Email,
    event::EventKind,
    kernel::Kernel,
    mail::MailKind,
    store::{TokenRow, find_token, find_user_by_email},
    task::until_won,
    token::{Purpose, one_time::OneTimeParts},
};

impl Kernel {
    pub(crate) fn needs_mailer(&self) -> Result<(), Error> {
        match self.post {
            Some(_) => Ok(()),
            None => Err(ConfigError::new("mailer", "is not set").into()),
        }
    }

    /// Whoever asks learns nothing, and each address takes the same work: whether there is anything to send is found out
    /// when the mail is written.
    pub(crate) async fn request_link(
        &self,
        kind: MailKind,
        email: &str,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        self.needs_mailer()?;
        let email = Email::parse(email).map_err(|error| Error::Validation(vec![error]))?;
        self.attempt_in_network(client)?.stays_counted();
        // Whatever the address, the same work.
        let asked = match self.config.audit_retention {
            Some(_) => find_user_by_email(self.store.db(), email.normalized()).await?.map(|user| user.id),
            None => None,
        };
        let (asked, client) = (EventKind::LinkAsked { user: asked, kind }, self.about(client, &email));
        until_won(|| async {
            let txn = self.store.begin().await?;
            self.post(&txn, kind, email.typed(), None, None).await?;
            self.record(&txn, &client, &asked).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.mail_waits();
        self.emit(&client, asked);
        Ok(())
    }

    /// The row of a token that is good for one of these purposes.
    pub(crate) async fn one_time_token(
        &self,
        token: &OneTimeToken,
        client: &ClientInfo,
        purposes: &[Purpose],
    ) -> Result<TokenRow, Error> {
        let attempt = self.attempt_in_network(client)?;
        let Some(parts) = OneTimeParts::parse(token.expose()) else {
            attempt.stays_counted();
            self.note_refused(client, None, LinkRefusal::Unknown).await;
            return Err(not_good());
        };
        let found = match find_token(self.store.db(), parts.id).await {
            Ok(found) => found,
            Err(error) => {
                attempt.right(self).await;
                return Err(error.into());
            }
        };
        // Without a good mac it is nobody's: an id alone shall leave no trace at anybody's account.
        let genuine =
            found.filter(|row| self.keys.get().one_time.is_genuine(&parts, &row.seed, &row.purpose));
        let refusal = match &genuine {
            None => Some(LinkRefusal::Unknown),
            Some(row) if purposes.iter().all(|purpose| purpose.0 != row.purpose) => {
                Some(LinkRefusal::OtherPurpose)
            }
            Some(row) if row.spent_at.is_some() => Some(LinkRefusal::Used),
            Some(row) => (!row.is_alive(self.now())).then_some(LinkRefusal::TooOld),
        };
        let Some(refusal) = refusal else {
            attempt.right(self).await;
            return genuine.ok_or_else(not_good);
        };
        attempt.stays_counted();
        self.note_refused(client, genuine.and_then(|row| row.user_id), refusal).await;
        Err(not_good())
    }

    async fn note_refused(&self, client: &ClientInfo, user: Option<UserId>, reason: LinkRefusal) {
        self.note(client, EventKind::LinkRefused { user, reason }).await;
    }
}

/// 422 rather than 401, which would send clients to refresh their tokens.
pub(crate) fn not_good() -> Error {
    let rule = "the link was used already, is too old, or was never sent";
    Error::Validation(vec![FieldError::new("token", "invalid_token", rule)])
}
