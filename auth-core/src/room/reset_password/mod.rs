//! A new password for who has forgotten the old one: by a link in a mail, which works once.

mod link;

use std::sync::Arc;

use crate::{
    Address, Auth, ClientInfo, Error, OneTimeToken, Password, UserId,
    email::Email,
    event::EventKind,
    flow::not_good,
    kernel::{Kernel, LinkMail, Recipient, Room, listed},
    mail::{Link, MailKind},
    password,
    store::{end_all_sessions, find_user, lock_user, prove_email, put_hash, spend_token},
    task::{detached, until_won},
    token::Purpose,
};

const LINK: LinkMail = LinkMail {
    kind: MailKind::ResetPassword,
    purpose: Purpose("reset_password"),
    page: |config| &config.mail.reset_password_url,
    valid_for: |config| config.mail.reset_password_ttl,
    to: Recipient::Account,
    is_due: |_| true,
};

pub(crate) const ROOM: Room = Room { links: &[LINK], ..Room::EMPTY };

/// A forgotten password.
impl Auth {
    /// Sends a link to choose a new password, if the address belongs to an account that is not disabled. Who asks cannot
    /// tell: each address takes the same work and gives the same answer.
    ///
    /// # Errors
    /// As [`request_email_verification`](Self::request_email_verification).
    pub async fn forgot_password(&self, email: impl Into<Address>, client: ClientInfo) -> Result<(), Error> {
        let (kernel, email) = (Arc::clone(&self.kernel), email.into());
        detached(async move { kernel.request_link(MailKind::ResetPassword, email.expose(), &client).await })
            .await
    }

    /// Sets a new password with a token out of a mail. Ends every session and every other link; the failures that were
    /// counted are forgotten, and the address is proved by it. If it was not proved before, the identities and whatever else
    /// could sign in go: somebody else may have set them up.
    ///
    /// # Errors
    /// [`Error::Validation`] on `token` or `password`, after which the token still works in the second case;
    /// [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn reset_password(
        &self,
        token: OneTimeToken,
        password: impl Into<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        reset_password(Arc::clone(&self.kernel), token, password.into(), client).await
    }

    /// Sends a user a link to choose a new password; until it is followed nothing changes. Nobody chooses the password of
    /// somebody else (ASVS 6.4.6). Check that the caller may.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND); [`Error::Validation`] on `user` when they are disabled; [`Error::Unavailable`];
    /// [`Error::Config`] without a mailer.
    pub async fn send_reset_link(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { link::send(&kernel, user, &client).await }).await
    }

    /// The link itself, for an operator who has no mail yet and brings it to its owner some other way. **Whoever has it can
    /// take the account over** until it is used or too old; the event tells that it was handed out. It proves no address.
    /// Check that the caller may.
    ///
    /// # Errors
    /// [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND); [`Error::Validation`] on `user` when they are disabled; [`Error::Unavailable`].
    pub async fn reset_link(&self, user: UserId, client: ClientInfo) -> Result<Link, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { link::hand_out(&kernel, user, &client).await }).await
    }
}

async fn reset_password(
    kernel: Arc<Kernel>,
    token: OneTimeToken,
    new: Password,
    client: ClientInfo,
) -> Result<(), Error> {
    let row = kernel.one_time_token(&token, &client, &[LINK.purpose]).await?;
    let user = row.user_id.ok_or_else(not_good)?;
    let user = find_user(kernel.store.db(), user).await?.ok_or_else(not_good)?;
    if user.disabled_at.is_some() {
        return Err(not_good());
    }
    let email = Email::parse(&user.email).ok();
    let new = password::normalize(&new);
    kernel.policy.validate(&new, email.as_ref()).await.map_err(|error| Error::Validation(vec![error]))?;
    let hash = kernel.passwords.hash(&client, new, kernel.random.as_ref()).await?;
    detached(async move {
        let (user, now) = (user.id, kernel.now());
        let kind = EventKind::PasswordReset { user };
        let removed = until_won(|| async {
            let txn = kernel.store.begin().await?;
            let locked = lock_user(&txn, user).await?.ok_or_else(not_good)?;
            // To hash has taken its time.
            if locked.disabled || !spend_token(&txn, row.id, now).await? {
                return Err(not_good());
            }
            put_hash(&txn, user, &hash, now).await?;
            // Every session, and every other link that is on its way.
            end_all_sessions(&txn, user, now).await?;
            let mut removed = None;
            if let Some(email) = &email {
                // Whoever has the link reads the mail that is sent there.
                let is_proof = row.payload.as_deref() == Some(email.typed());
                if is_proof && !locked.email_verified {
                    removed = kernel.take_ways_in_away(&txn, user, email.typed(), None).await?;
                }
                if is_proof {
                    prove_email(&txn, user, email, now).await?;
                }
                kernel.forget_guesses(&txn, user, email).await?;
                let left = listed(&kernel.name_ways_in(&txn, user).await?);
                let left = Some(left).filter(|left| !left.is_empty());
                kernel.post(&txn, MailKind::PasswordChanged, email.typed(), Some(user), left).await?;
            }
            for kind in removed.iter().chain([&kind]) {
                kernel.record(&txn, &client, kind).await?;
            }
            txn.commit().await?;
            Ok(removed)
        })
        .await?;
        kernel.mail_waits();
        kernel.learn_what_ended().await;
        for kind in removed.into_iter().chain([kind]) {
            kernel.emit(&client, kind);
        }
        Ok(())
    })
    .await
}
