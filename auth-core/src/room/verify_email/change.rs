//! Another address for an account: asked for, and stopped. The link to the new one is followed as that to a first one.

use std::sync::Arc;

use crate::{
    Address, Auth, ClientInfo, Error, OneTimeToken, Password, Principal,
    email::Email,
    event::EventKind,
    flow::not_good,
    kernel::{Kernel, LinkMail, Recipient},
    mail::MailKind,
    store::{end_all_sessions, lock_user, spend_token},
    task::{detached, until_won},
    token::Purpose,
};

pub(super) const CHANGE_EMAIL: Purpose = Purpose("change_email");
const STOP_EMAIL_CHANGE: Purpose = Purpose("stop_email_change");

pub(super) const TO_THE_NEW_ADDRESS: LinkMail = LinkMail {
    kind: MailKind::ChangeEmail,
    purpose: CHANGE_EMAIL,
    page: |config| &config.mail.verify_email_url,
    valid_for: |config| config.mail.verify_email_ttl,
    to: Recipient::Asked,
    is_due: |_| true,
};

pub(super) const TO_THE_OLD_ADDRESS: LinkMail = LinkMail {
    kind: MailKind::EmailChangeAsked,
    purpose: STOP_EMAIL_CHANGE,
    page: |config| &config.mail.stop_email_change_url,
    valid_for: |config| config.mail.verify_email_ttl,
    to: Recipient::AccountThen,
    is_due: |_| true,
};

/// Change of an address.
impl Auth {
    /// Sends a link to a new address, and one to the old address that stops the change; when the former is followed, a note to
    /// the old one: until then nothing changes. Whatever ends all sessions ends this, too.
    ///
    /// # Errors
    /// [`Error::Validation`] on `email` or `password`; [`Error::SessionOver`]; [`Error::Throttled`];
    /// [`Error::Overloaded`]; [`Error::Unavailable`]; [`Error::Config`] without a mailer.
    pub async fn request_email_change(
        &self,
        caller: &Principal,
        email: impl Into<Address>,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        request_email_change(kernel, caller, email.into().expose(), password, client).await
    }

    /// Stops a change of address with the token out of the mail to the old one. Whoever asked for it was signed in and is not
    /// the owner, so every session ends, and every link that is on its way.
    ///
    /// # Errors
    /// As [`verify_email`](Self::verify_email), also when the change was made already.
    pub async fn stop_email_change(&self, token: OneTimeToken, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { stop_email_change(&kernel, &token, client).await }).await
    }
}

async fn request_email_change(
    kernel: Arc<Kernel>,
    caller: &Principal,
    new: &str,
    password: Option<Password>,
    client: ClientInfo,
) -> Result<(), Error> {
    kernel.needs_mailer()?;
    let new = Email::parse(new).map_err(|error| Error::Validation(vec![error]))?;
    let user = Arc::clone(&kernel).confirm(caller, password, "password", &client).await?;
    let kind = EventKind::EmailChangeAsked { user: user.id };
    detached(async move {
        until_won(|| async {
            let txn = kernel.store.begin().await?;
            let locked = kernel.hold(&txn, &user).await?;
            // Whatever ends the sessions before the mails leave ends this, too.
            let epoch = locked.epoch.to_string();
            let told = format!("{epoch} {}", new.typed());
            kernel.post(&txn, MailKind::ChangeEmail, new.typed(), Some(user.id), Some(epoch)).await?;
            kernel.post(&txn, MailKind::EmailChangeAsked, &locked.email, Some(user.id), Some(told)).await?;
            kernel.record(&txn, &client, &kind).await?;
            Ok(txn.commit().await?)
        })
        .await?;
        kernel.mail_waits();
        kernel.emit(&client, kind);
        Ok(())
    })
    .await
}

async fn stop_email_change(kernel: &Kernel, token: &OneTimeToken, client: ClientInfo) -> Result<(), Error> {
    let row = kernel.one_time_token(token, &client, &[STOP_EMAIL_CHANGE]).await?;
    let (user, now) = (row.user_id.ok_or_else(not_good)?, kernel.now());
    let client = client.actor(user);
    let kind = EventKind::EmailChangeStopped { user };
    until_won(|| async {
        let txn = kernel.store.begin().await?;
        let locked = lock_user(&txn, user).await?.ok_or_else(not_good)?;
        if locked.disabled || !spend_token(&txn, row.id, now).await? {
            return Err(not_good());
        }
        end_all_sessions(&txn, user, now).await?;
        kernel.record(&txn, &client, &kind).await?;
        Ok(txn.commit().await?)
    })
    .await?;
    kernel.learn_what_ended().await;
    kernel.emit(&client, kind);
    Ok(())
}
