use std::fmt;

use uuid::Uuid;

use crate::{
    Address, Error, FieldError, User,
    email::Email,
    kernel::Kernel,
    refusal,
    store::{find_user_by_email, list_users},
};

/// Which users to list.
///
/// An address is found by its normalised form and as a whole: one row of the unique index. There is no search for parts of
/// one, for which the databases would need an index each of its own kind, and which is what somebody wants who collects
/// addresses.
#[derive(Clone)]
pub struct UserQuery {
    limit: u64,
    cursor: Option<String>,
    email: Option<Address>,
}

impl UserQuery {
    /// The most users of one page.
    pub const LIMIT_MAX: u64 = 100;

    /// How many at most, 1 to [`LIMIT_MAX`](Self::LIMIT_MAX). Default 20.
    pub fn limit(mut self, users: u64) -> Self {
        self.limit = users;
        self
    }

    /// Goes on after an earlier page: its [`next`](UserPage::next).
    pub fn cursor(mut self, next: impl Into<String>) -> Self {
        self.cursor = Some(next.into());
        self
    }

    /// Only the user with this address.
    pub fn email(mut self, email: impl Into<Address>) -> Self {
        self.email = Some(email.into());
        self
    }
}

impl Default for UserQuery {
    fn default() -> Self {
        Self { limit: 20, cursor: None, email: None }
    }
}

/// Does not tell the address.
impl fmt::Debug for UserQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserQuery").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Some of the users.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserPage {
    /// In the order of their ids, which is that of their registration.
    pub users: Vec<User>,
    /// What to pass to [`UserQuery::cursor`] for the next page; its form may change. `None`: this is the last one.
    pub next: Option<String>,
}

impl Kernel {
    pub(crate) async fn list_users(&self, query: UserQuery) -> Result<UserPage, Error> {
        let UserQuery { limit, cursor, email } = query;
        let mut errors = Vec::new();
        if !(1..=UserQuery::LIMIT_MAX).contains(&limit) {
            errors.push(FieldError::new("limit", "out_of_range", "the limit must be 1 to 100"));
        }
        let after = cursor.map(|cursor| cursor.parse::<Uuid>()).transpose().unwrap_or_else(|_| {
            errors.push(FieldError::new("cursor", "invalid_cursor", "the cursor is none of a page before"));
            None
        });
        let email = email.map(|email| Email::parse(email.expose())).transpose().unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if !errors.is_empty() {
            return Err(Error::Validation(errors));
        }
        // One more than asked for tells whether there is a next page.
        let email = email.as_ref().map(Email::normalized);
        let mut rows = list_users(self.store.db(), after, email, limit.saturating_add(1)).await?;
        let fit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = rows.len() <= fit;
        rows.truncate(fit);
        let users: Vec<User> = rows.into_iter().map(User::from).collect();
        let next = users.last().filter(|_| !is_last).map(|user| user.id.to_string());
        Ok(UserPage { users, next })
    }

    pub(crate) async fn find_user(&self, email: &str) -> Result<User, Error> {
        let email = Email::parse(email).map_err(|error| Error::Validation(vec![error]))?;
        let found = find_user_by_email(self.store.db(), email.normalized()).await?;
        Ok(found.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?.into())
    }
}
