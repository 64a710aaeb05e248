//! What administrators and operators do to accounts that are not theirs. Who may is for the caller to check.

mod create;
mod list;
mod reset_link;

use std::sync::Arc;

pub use self::{
    create::CreateUser,
    list::{UserPage, UserQuery},
};
use crate::{Auth, ClientInfo, Error, Password, User, UserId, flow::detached, mail::Link};

impl Auth {
    /// A page of users, in the order in which they came. Whoever is there all the time is listed exactly once, whoever
    /// comes and goes meanwhile. One statement. Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Validation`] on `limit`, `cursor` or `email`; [`Error::Unavailable`].
    pub async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error> {
        self.inner.list_users(query).await
    }

    /// The user with this address, however it is written. Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Validation`] for what is no address; [`Error::UserNotFound`]; [`Error::Unavailable`].
    pub async fn find_user(&self, email: impl Into<Password>) -> Result<User, Error> {
        self.inner.find_user(email.into().expose()).await
    }

    /// Makes an account for somebody, in one transaction with its roles, its events and the invitation. Is not throttled.
    /// Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Validation`] names the fields; [`Error::EmailTaken`]; [`Error::Overloaded`]; [`Error::Unavailable`];
    /// [`Error::Config`] for an invitation without a mailer.
    pub async fn create_user(&self, new: CreateUser) -> Result<User, Error> {
        Arc::clone(&self.inner).create_user(new).await
    }

    /// Sends a user a link to choose a new password; until it is followed nothing changes. Nobody chooses the password of
    /// somebody else (ASVS 6.4.6). Check that the caller may.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; [`Error::Validation`] on `user` when they are disabled; [`Error::Unavailable`];
    /// [`Error::Config`] without a mailer.
    pub async fn send_reset_link(&self, user: UserId, client: ClientInfo) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        detached(async move { inner.send_reset_link(user, &client).await }).await
    }

    /// The link itself, for an operator who has no mail yet and brings it to its owner some other way. **Whoever has it can
    /// take the account over** until it is used or too old; the event tells that it was handed out. It proves no address.
    /// Check that the caller may.
    ///
    /// # Errors
    /// [`Error::UserNotFound`]; [`Error::Validation`] on `user` when they are disabled; [`Error::Unavailable`].
    pub async fn reset_link(&self, user: UserId, client: ClientInfo) -> Result<Link, Error> {
        let inner = Arc::clone(&self.inner);
        detached(async move { inner.reset_link(user, &client).await }).await
    }
}
