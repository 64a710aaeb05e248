//! A new password for who has forgotten the old one: by a link in a mail, which works once.

use std::sync::Arc;

use crate::{
    ClientInfo, Error, OneTimeToken, Password,
    auth::Inner,
    email::Email,
    event::EventKind,
    flow::detached,
    mail::MailKind,
    password,
    store::{end_all_sessions, end_tokens, find_user, forget_failures, prove_email, put_hash, spend_token},
    token::Purpose,
    verify_email::not_good,
};

impl Inner {
    pub(crate) async fn reset_password(
        self: Arc<Self>,
        token: OneTimeToken,
        new: Password,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let row = self.one_time_token(&token, &client, &[Purpose::ResetPassword]).await?;
        let user = row.user_id.ok_or_else(not_good)?;
        let user = find_user(self.store.db(), user).await?.ok_or_else(not_good)?;
        if user.disabled_at.is_some() {
            return Err(not_good());
        }
        let email = Email::parse(&user.email).ok();
        let new = password::normalize(&new);
        self.policy.check(&new, email.as_ref()).await.map_err(|error| Error::Validation(vec![error]))?;
        let hash = self.passwords.hash(&client, new, self.random.as_ref()).await?;
        detached(async move {
            let (user, now) = (user.id, self.now());
            let kind = EventKind::PasswordReset { user };
            let txn = self.store.begin().await?;
            if !spend_token(&txn, row.id, now).await? {
                return Err(not_good());
            }
            put_hash(&txn, user, &hash, now).await?;
            // Every session, and every other link that is on its way.
            end_all_sessions(&txn, user, now).await?;
            end_tokens(&txn, user, None, now).await?;
            if let Some(email) = &email {
                // Whoever has the link reads the mail that is sent there.
                if row.payload.as_deref() == Some(email.typed()) {
                    prove_email(&txn, user, email, now).await?;
                }
                forget_failures(&txn, self.keys.get().devices.account(email), i64::MAX).await?;
                self.post(&txn, MailKind::PasswordChanged, email.typed(), Some(user), None).await?;
            }
            self.record(&txn, &client, &kind).await?;
            txn.commit().await?;
            self.mail_waits();
            self.learn_what_ended().await;
            self.emit(&client, kind);
            Ok(())
        })
        .await
    }
}
