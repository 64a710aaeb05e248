//! The handle's operations on accounts: links in mails, what people do to their own, and what happened to them.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    AuditEvent, Auth, ClientInfo, Error, Export, OneTimeToken, Password, Principal, User, UserId,
    flow::detached, mail::MailKind,
};

impl Auth {
    /// Whether there is a mailer, without which the next five refuse.
    pub fn sends_mail(&self) -> bool {
        self.inner.post.is_some()
    }

    /// Sends a link to prove an address, if it belongs to an account and is not proved yet. Who asks cannot tell: each
    /// address takes the same work and gives the same answer.
    ///
    /// # Errors
    /// [`Error::Validation`] for what is no address; [`Error::Throttled`]; [`Error::Unavailable`]; [`Error::Config`]
    /// without a mailer.
    pub async fn request_email_verification(
        &self,
        email: impl Into<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let (inner, email) = (Arc::clone(&self.inner), email.into());
        detached(async move { inner.request_mail(MailKind::VerifyEmail, email.expose(), &client).await })
            .await
    }

    /// Spends a token out of a mail that was to prove an address, the account's own or a new one, and tells the user.
    ///
    /// # Errors
    /// [`Error::Validation`] on the field `token` when it was used, is too old or not ours; [`Error::EmailTaken`] when
    /// the new address has got an account meanwhile; [`Error::Throttled`]; [`Error::Unavailable`].
    pub async fn verify_email(&self, token: OneTimeToken, client: ClientInfo) -> Result<User, Error> {
        let inner = Arc::clone(&self.inner);
        detached(async move { inner.verify_email(&token, client).await }).await
    }

    /// Sends a link to choose a new password, if the address belongs to an account that is not disabled. Who asks cannot
    /// tell: each address takes the same work and gives the same answer.
    ///
    /// # Errors
    /// As [`request_email_verification`](Self::request_email_verification).
    pub async fn forgot_password(&self, email: impl Into<Password>, client: ClientInfo) -> Result<(), Error> {
        let (inner, email) = (Arc::clone(&self.inner), email.into());
        detached(async move { inner.request_mail(MailKind::ResetPassword, email.expose(), &client).await })
            .await
    }

    /// Sets a new password with a token out of a mail. Ends every session and every other link; the failures that were
    /// counted are forgotten, and the address is proved by it.
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
        Arc::clone(&self.inner).reset_password(token, password.into(), client).await
    }

    /// Sends a link to a new address, and a note to the old one when it is followed: until then nothing changes.
    ///
    /// # Errors
    /// [`Error::Validation`] on `email` or `password`; [`Error::SessionOver`]; [`Error::Throttled`];
    /// [`Error::Overloaded`]; [`Error::Unavailable`]; [`Error::Config`] without a mailer.
    pub async fn request_email_change(
        &self,
        caller: &Principal,
        email: impl Into<Password>,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        inner.request_email_change(caller, email.into().expose(), password, client).await
    }

    /// Replaces the caller's password and ends all their other sessions.
    ///
    /// # Errors
    /// [`Error::Validation`] on `current_password`, which then counts as a failed sign-in, or on `new_password`;
    /// [`Error::SessionOver`]; [`Error::Throttled`]; [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn change_password(
        &self,
        caller: &Principal,
        current: impl Into<Password>,
        new: impl Into<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        inner.change_password(caller.clone(), current.into(), new.into(), client).await
    }

    /// Deletes the caller's account with all that hangs on it; its events stay as long as the audit keeps them. An account
    /// without a password needs a sign-in of the last five minutes instead.
    ///
    /// # Errors
    /// [`Error::Validation`] on `password`; [`Error::LastAdmin`]; [`Error::SessionOver`]; [`Error::Throttled`];
    /// [`Error::Overloaded`]; [`Error::Unavailable`].
    pub async fn delete_account(
        &self,
        caller: &Principal,
        password: Option<Password>,
        client: ClientInfo,
    ) -> Result<(), Error> {
        Arc::clone(&self.inner).delete_account(caller.clone(), password, client).await
    }

    /// Deletes an account: check that the caller may.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::LastAdmin`], [`Error::Unavailable`].
    pub async fn delete_user(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        detached(async move { inner.delete(user, &client).await }).await
    }

    /// All that is stored about the caller.
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn export(&self, caller: &Principal) -> Result<Export, Error> {
        self.inner.export(caller).await
    }

    /// What the audit has about a user, the latest first, at most 100 at once; `before` is the last one of the page before.
    /// Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AuditEvent>, Error> {
        self.inner.events(user, before, limit).await
    }

    /// What the audit has about the caller, as [`events`](Self::events).
    ///
    /// # Errors
    /// [`Error::SessionOver`], [`Error::Unavailable`].
    pub async fn own_events(
        &self,
        caller: &Principal,
        before: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<AuditEvent>, Error> {
        self.inner.own_events(caller, before, limit).await
    }

    /// Sends the mails that are due, and tells how many left. Any number of instances may do so at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; a mailer that fails is no error: the mail is tried again.
    pub async fn deliver_mail(&self) -> Result<u64, Error> {
        Arc::clone(&self.inner).deliver_mail().await
    }

    /// Sends mails as they fall due, for ever: give it a task of its own. It looks every so often, and at once after this
    /// instance has put something in.
    pub async fn keep_delivering_mail(&self, every: Duration) {
        Arc::clone(&self.inner).keep_delivering_mail(every).await;
    }
}
