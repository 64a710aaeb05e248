use crate::{
    ClientInfo, Error, FieldError, UserId,
    auth::Inner,
    event::EventKind,
    flow::until_won,
    mail::{Link, MailKind},
    random::ordered_uuid,
    store::{UserRow, end_tokens, find_user, insert_token, lock_user},
    token::Purpose,
};

impl Inner {
    pub(crate) async fn send_reset_link(&self, user: UserId, client: &ClientInfo) -> Result<(), Error> {
        self.needs_mailer()?;
        let found = self.able_user(user).await?;
        let kind = EventKind::ResetStarted { user, handed_out: false };
        until_won(|| async {
            let txn = self.store.begin().await?;
            self.post(&txn, MailKind::ResetPassword, &found.email, Some(user), None).await?;
            self.record(&txn, client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.mail_waits();
        self.emit(client, kind);
        Ok(())
    }

    pub(crate) async fn reset_link(&self, user: UserId, client: &ClientInfo) -> Result<Link, Error> {
        self.able_user(user).await?;
        let id = ordered_uuid(self.random.as_ref(), self.now())?;
        let kind = EventKind::ResetStarted { user, handed_out: true };
        // It is not read in a mail, so it proves no address.
        let token = self.new_token(id, Purpose::ResetPassword, user, None)?;
        until_won(|| async {
            let (txn, now) = (self.store.begin().await?, self.now());
            if lock_user(&txn, user).await?.is_none() {
                return Err(Error::UserNotFound);
            }
            end_tokens(&txn, user, Some(Purpose::ResetPassword), now).await?;
            insert_token(&txn, &token, now).await?;
            self.record(&txn, client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        self.emit(client, kind);
        Ok(self.link_of(&token))
    }

    /// A link for a disabled user would not work, and the mail would not be sent.
    async fn able_user(&self, user: UserId) -> Result<UserRow, Error> {
        let found = find_user(self.store.db(), user).await?.ok_or(Error::UserNotFound)?;
        if found.disabled_at.is_some() {
            let rule = "the account is disabled; enable it first";
            return Err(Error::Validation(vec![FieldError::new("user", "disabled", rule)]));
        }
        Ok(found)
    }
}
