//! Proving that somebody reads mail at an address: that of the account, or a new one.

use std::sync::Arc;

use crate::{
    Address, Auth, ClientInfo, Error, OneTimeToken, Password, Principal, User,
    email::Email,
    event::EventKind,
    flow::not_good,
    kernel::{Kernel, LinkMail, Recipient, Room},
    mail::MailKind,
    refusal,
    store::{self, Insert, spend_token},
    task::{detached, until_won},
    token::Purpose,
};

const VERIFY_EMAIL: Purpose = Purpose("verify_email");
const CHANGE_EMAIL: Purpose = Purpose("change_email");

pub(crate) const ROOM: Room = Room {
    links: &[
        LinkMail {
            kind: MailKind::VerifyEmail,
            purpose: VERIFY_EMAIL,
            page: |config| &config.mail.verify_email_url,
            valid_for: |config| config.mail.verify_email_ttl,
            to: Recipient::Account,
            is_due: |user| user.email_verified_at.is_none(),
        },
        LinkMail {
            kind: MailKind::ChangeEmail,
            purpose: CHANGE_EMAIL,
            page: |config| &config.mail.verify_email_url,
            valid_for: |config| config.mail.verify_email_ttl,
            to: Recipient::Asked,
            is_due: |_| true,
        },
    ],
    ..Room::EMPTY
};

impl Auth {
    /// Sends a link to prove an address, if it belongs to an account and is not proved yet. Who asks cannot tell: each
    /// address takes the same work and gives the same answer.
    ///
    /// # Errors
    /// [`Error::Validation`] for what is no address; [`Error::Throttled`]; [`Error::Unavailable`]; [`Error::Config`]
    /// without a mailer.
    pub async fn request_email_verification(
        &self,
        email: impl Into<Address>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let (kernel, email) = (Arc::clone(&self.kernel), email.into());
        detached(async move { kernel.request_link(MailKind::VerifyEmail, email.expose(), &client).await })
            .await
    }

    /// Spends a token out of a mail that was to prove an address, the account's own or a new one, and tells the user.
    ///
    /// # Errors
    /// [`Error::Validation`] on the field `token` when it was used, is too old or not ours; [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN) when
    /// the new address has got an account meanwhile; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn verify_email(&self, token: OneTimeToken, client: ClientInfo) -> Result<User, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { verify_email(&kernel, &token, client).await }).await
    }

    /// Sends a link to a new address, and a note to the old one when it is followed: until then nothing changes.
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
}

async fn verify_email(kernel: &Kernel, token: &OneTimeToken, client: ClientInfo) -> Result<User, Error> {
    let row = kernel.one_time_token(token, &client, &[VERIFY_EMAIL, CHANGE_EMAIL]).await?;
    let email = row.payload.as_deref().map(Email::parse).and_then(Result::ok).ok_or_else(not_good)?;
    let (user, now) = (row.user_id.ok_or_else(not_good)?, kernel.now());
    let client = client.actor(user);
    let (found, kind) = until_won(|| async {
        let txn = kernel.store.begin().await?;
        if !spend_token(&txn, row.id, now).await? {
            return Err(not_good());
        }
        let kind = if row.purpose == VERIFY_EMAIL.0 {
            if !store::prove_email(&txn, user, &email, now).await? {
                return Err(not_good());
            }
            EventKind::EmailVerified { user }
        } else {
            let old = store::find_user(&txn, user).await?.ok_or_else(not_good)?.email;
            if store::replace_email(&txn, user, &email, now).await? == Insert::Taken {
                txn.rollback().await?;
                return Err(refusal::EMAIL_TAKEN.into());
            }
            // Links that were sent to the old address.
            store::end_tokens(&txn, user, None, now).await?;
            kernel
                .post(&txn, MailKind::EmailChanged, &old, Some(user), Some(email.typed().to_owned()))
                .await?;
            EventKind::EmailChanged { user }
        };
        kernel.record(&txn, &client, &kind).await?;
        let found = store::find_user(&txn, user).await?.ok_or_else(not_good)?;
        txn.commit().await?;
        Ok((found, kind))
    })
    .await?;
    kernel.mail_waits();
    kernel.emit(&client, kind);
    Ok(found.into())
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
    // A password that is changed or reset before the mail leaves ends this, too.
    let epoch = Some(user.epoch.to_string());
    detached(async move {
        kernel.post(kernel.store.db(), MailKind::ChangeEmail, new.typed(), Some(user.id), epoch).await?;
        kernel.mail_waits();
        Ok(())
    })
    .await
}
