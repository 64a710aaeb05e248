//! What administrators and operators do to accounts that are not theirs. Who may is for the caller to check.

mod check;
mod create;
mod list;

use std::sync::Arc;

pub use self::{
    create::CreateUser,
    list::{UserPage, UserQuery},
};
use crate::{Address, Auth, Error, User, kernel::Room};

pub(crate) const ROOM: Room = Room { findings: Some(|kernel| Box::pin(check::check(kernel))), ..Room::EMPTY };

/// Administration of accounts.
impl Auth {
    /// A page of users, in the order in which they came. Whoever is there all the time is listed exactly once, whoever
    /// comes and goes meanwhile. One statement. Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Validation`] on `limit`, `cursor`, `email` or `q`, what the beginning is called over HTTP; [`Error::Unavailable`].
    pub async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error> {
        self.kernel.list_users(query).await
    }

    /// The user with this address, however it is written, or with this user name where there are profiles. Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Validation`] for what is no address; [`USER_NOT_FOUND`](crate::refusal::USER_NOT_FOUND); [`Error::Unavailable`].
    pub async fn find_user(&self, email: impl Into<Address>) -> Result<User, Error> {
        self.kernel.find_user(email.into().expose()).await
    }

    /// Makes an account for somebody, in one transaction with its roles, its events and the invitation. Is not throttled.
    /// Check that the caller may.
    ///
    /// # Errors
    /// [`Error::Validation`] names the fields; [`EMAIL_TAKEN`](crate::refusal::EMAIL_TAKEN);
    /// [`USERNAME_TAKEN`](crate::refusal::USERNAME_TAKEN); [`Error::Overloaded`]; [`Error::Unavailable`];
    /// [`Error::Config`] for an invitation without a mailer.
    pub async fn create_user(&self, new: CreateUser) -> Result<User, Error> {
        Arc::clone(&self.kernel).create_user(new).await
    }
}
