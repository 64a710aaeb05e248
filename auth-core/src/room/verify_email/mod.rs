//! Proving that somebody reads mail at an address: that of the account, or a new one.

mod carried;
mod change;

use std::sync::Arc;

pub use self::carried::Carried;
use crate::{
    Address, Auth, ClientInfo, Error, OneTimeToken, User,
    email::Email,
    event::EventKind,
    flow::not_good,
    kernel::{Kernel, LinkMail, Recipient, Room},
    mail::MailKind,
    refusal,
    store::{self, About, Insert, end_tokens_of, find_user, lock_user, spend_token},
    task::{detached, until_won},
    token::Purpose,
};

const VERIFY_EMAIL: Purpose = Purpose("verify_email");

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
        change::TO_THE_NEW_ADDRESS,
        change::TO_THE_OLD_ADDRESS,
    ],
    ..Room::EMPTY
};

/// Proof of an address.
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

    /// Spends a token out of a mail that was to prove an address, the account's own or a new one, and tells the user. As
    /// [`verify_email_carrying`](Self::verify_email_carrying) of who carries nothing.
    ///
    /// # Errors
    /// [`Error::Validation`] on the field `token` when it was used, is too old or not ours; [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN) when
    /// the new address has got an account meanwhile; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn verify_email(&self, token: OneTimeToken, client: ClientInfo) -> Result<User, Error> {
        self.verify_email_carrying(token, Carried::default(), client).await
    }

    /// The same, of a request that carries the tokens of a session. Somebody who proves the first address of an account and
    /// is not signed in to it need not be the one who made it: the identities and whatever else the other one could sign in
    /// with go, and if there was anything, all sessions and links too.
    ///
    /// # Errors
    /// As [`verify_email`](Self::verify_email); tokens that are no good are no error.
    pub async fn verify_email_carrying(
        &self,
        token: OneTimeToken,
        carried: Carried,
        client: ClientInfo,
    ) -> Result<User, Error> {
        let kernel = Arc::clone(&self.kernel);
        detached(async move { verify_email(&kernel, &token, &carried, client).await }).await
    }
}

async fn verify_email(
    kernel: &Kernel,
    token: &OneTimeToken,
    carried: &Carried,
    client: ClientInfo,
) -> Result<User, Error> {
    let row = kernel.one_time_token(token, &client, &[VERIFY_EMAIL, change::CHANGE_EMAIL]).await?;
    let email = row.payload.as_deref().map(Email::parse).and_then(Result::ok).ok_or_else(not_good)?;
    let (user, now) = (row.user_id.ok_or_else(not_good)?, kernel.now());
    let client = client.actor(user);
    let (found, kinds) = until_won(|| async {
        let txn = kernel.store.begin().await?;
        let locked = lock_user(&txn, user).await?.ok_or_else(not_good)?;
        if locked.disabled || !spend_token(&txn, row.id, now).await? {
            return Err(not_good());
        }
        let kind = if row.purpose == VERIFY_EMAIL.0 {
            if !store::prove_email(&txn, user, &email, now).await? {
                return Err(not_good());
            }
            end_tokens_of(&txn, user, VERIFY_EMAIL, About::Anything, now).await?;
            EventKind::EmailVerified { user }
        } else {
            if store::replace_email(&txn, user, &email, now).await? == Insert::Taken {
                txn.rollback().await?;
                return Err(refusal::EMAIL_TAKEN.into());
            }
            kernel.spare_nobody(&txn, user).await?;
            // Links that were sent to the old address.
            store::end_tokens(&txn, user, now).await?;
            let new = Some(email.typed().to_owned());
            kernel.post(&txn, MailKind::EmailChanged, &locked.email, Some(user), new).await?;
            EventKind::EmailChanged { user }
        };
        let mut kinds = Vec::new();
        if !locked.email_verified && !carried.shows(kernel, &txn, user).await? {
            kinds.extend(kernel.take_ways_in_away(&txn, user, email.typed(), None).await?);
            if !kinds.is_empty() {
                // Among them those that such a way in has begun.
                store::end_all_sessions(&txn, user, now).await?;
            }
        }
        kinds.push(kind);
        for kind in &kinds {
            kernel.record(&txn, &client, kind).await?;
        }
        let found = find_user(&txn, user).await?.ok_or_else(not_good)?;
        let found = kernel.with_profile(&txn, found).await?;
        txn.commit().await?;
        Ok((found, kinds))
    })
    .await?;
    kernel.mail_waits();
    if kinds.len() > 1 {
        kernel.learn_what_ended().await;
    }
    for kind in kinds {
        kernel.emit(&client, kind);
    }
    Ok(found)
}
