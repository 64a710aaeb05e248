//! Proving that somebody reads mail at an address: that of the account, or a new one.

use std::sync::Arc;

use crate::{
    ClientInfo, ConfigError, Error, FieldError, OneTimeToken, Password, Principal, User,
    auth::Inner,
    email::Email,
    event::EventKind,
    flow::detached,
    mail::MailKind,
    store::{self, Insert, TokenRow, find_token, spend_token},
    token::{Purpose, one_time::OneTimeParts},
};

impl Inner {
    /// Whoever asks learns nothing, and each address takes the same work: whether there is anything to send is found out
    /// when the mail is written.
    pub(crate) async fn request_mail(
        &self,
        kind: MailKind,
        email: &str,
        client: &ClientInfo,
    ) -> Result<(), Error> {
        self.needs_mailer()?;
        let email = Email::parse(email).map_err(|error| Error::Validation(vec![error]))?;
        self.reserve_in_network(client, None)?;
        self.post(self.store.db(), kind, email.typed(), None, None).await?;
        self.mail_waits();
        Ok(())
    }

    pub(crate) fn needs_mailer(&self) -> Result<(), Error> {
        match self.post {
            Some(_) => Ok(()),
            None => Err(ConfigError::new("mailer", "is not set").into()),
        }
    }

    /// The row of a token that is good for one of these purposes.
    pub(crate) async fn one_time_token(
        &self,
        token: &OneTimeToken,
        client: &ClientInfo,
        purposes: &[Purpose],
    ) -> Result<TokenRow, Error> {
        let network = self.reserve_in_network(client, None)?;
        let Some(parts) = OneTimeParts::parse(token.expose()) else { return Err(not_good()) };
        let row = find_token(self.store.db(), parts.id).await;
        let row = row.inspect_err(|_| self.leave_network(network))?.ok_or_else(not_good)?;
        let genuine = self.keys.get().one_time.is_genuine(&parts, &row.seed, row.purpose);
        if !genuine || !purposes.contains(&row.purpose) || !row.is_alive(self.now()) {
            return Err(not_good());
        }
        self.leave_network(network);
        Ok(row)
    }

    pub(crate) async fn verify_email(&self, token: &OneTimeToken, client: ClientInfo) -> Result<User, Error> {
        let row = self.one_time_token(token, &client, &[Purpose::VerifyEmail, Purpose::ChangeEmail]).await?;
        let email = row.payload.as_deref().map(Email::parse).and_then(Result::ok).ok_or_else(not_good)?;
        let (user, now) = (row.user_id.ok_or_else(not_good)?, self.now());
        let txn = self.store.begin().await?;
        if !spend_token(&txn, row.id, now).await? {
            return Err(not_good());
        }
        let kind = if row.purpose == Purpose::VerifyEmail {
            if !store::prove_email(&txn, user, &email, now).await? {
                return Err(not_good());
            }
            EventKind::EmailVerified { user }
        } else {
            let old = store::find_user(&txn, user).await?.ok_or_else(not_good)?.email;
            if store::replace_email(&txn, user, &email, now).await? == Insert::Taken {
                txn.rollback().await?;
                return Err(Error::EmailTaken);
            }
            // Links that were sent to the old address.
            store::end_tokens(&txn, user, None, now).await?;
            self.post(&txn, MailKind::EmailChanged, &old, Some(user), Some(email.typed().to_owned())).await?;
            EventKind::EmailChanged { user }
        };
        let client = client.actor(user);
        self.record(&txn, &client, &kind).await?;
        let found = store::find_user(&txn, user).await?.ok_or_else(not_good)?;
        txn.commit().await?;
        self.mail_waits();
        self.emit(&client, kind);
        Ok(found.into())
    }

    pub(crate) async fn request_email_change(
        self: Arc<Self>,
        caller: &Principal,
        new: &str,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        self.needs_mailer()?;
        let new = Email::parse(new).map_err(|error| Error::Validation(vec![error]))?;
        let user = Arc::clone(&self).confirm(caller, password, "password", &client).await?;
        // A password that is changed or reset before the mail leaves ends this, too.
        let epoch = Some(user.epoch.to_string());
        detached(async move {
            self.post(self.store.db(), MailKind::ChangeEmail, new.typed(), Some(user.id), epoch).await?;
            self.mail_waits();
            Ok(())
        })
        .await
    }
}

/// 422 rather than 401, which would send clients to refresh their tokens.
pub(crate) fn not_good() -> Error {
    let rule = "the link was used already, is too old, or was never sent";
    Error::Validation(vec![FieldError::new("token", "invalid_token", rule)])
}
