use std::fmt;

use uuid::Uuid;

use crate::{
    Address, Error, FieldError, User,
    email::Email,
    kernel::Kernel,
    profile::{Username, folded},
    refusal,
    store::{UserFilter, find_email_by_username, find_user_by_email, list_users},
};

/// Which users to list.
///
/// An address is found by its normalised form and as a whole: one row of the unique index; or by how it, the name or the user name
/// begins: three ranges of three indexes. There is no search for what stands in the middle, which would read every row.
#[derive(Clone)]
pub struct UserQuery {
    limit: u64,
    cursor: Option<String>,
    email: Option<Address>,
    begins: Option<Address>,
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

    /// Only users whose address, name or user name begins so, in any case: 1 to 254 characters. Not together with
    /// [`email`](Self::email), which then decides.
    pub fn begins(mut self, text: impl Into<Address>) -> Self {
        // Held like a secret, as it may be most of an address.
        self.begins = Some(text.into());
        self
    }
}

impl Default for UserQuery {
    fn default() -> Self {
        Self { limit: 20, cursor: None, email: None, begins: None }
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
        let UserQuery { limit, cursor, email, begins } = query;
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
        let begins = begins.map(|text| folded(text.expose().trim()));
        if begins.as_ref().is_some_and(|text| !can_begin(text)) {
            let rule = "what is looked for must be 1 to 254 characters without controls";
            errors.push(FieldError::new("q", "invalid_query", rule));
        }
        if !errors.is_empty() {
            return Err(Error::Validation(errors));
        }
        // One more than asked for tells whether there is a next page.
        let (db, begins) = (self.store.db(), begins.as_deref());
        let filter = email.as_ref().map(Email::normalized).map(UserFilter::Email);
        let filter = filter.or(begins.map(UserFilter::Begins)).unwrap_or(UserFilter::All);
        let mut rows = list_users(db, after, filter, limit.saturating_add(1)).await?;
        let fit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = rows.len() <= fit;
        rows.truncate(fit);
        let users: Vec<User> = rows.into_iter().map(User::from).collect();
        let users = self.with_profiles(db, users).await?;
        let next = users.last().filter(|_| !is_last).map(|user| user.id.to_string());
        Ok(UserPage { users, next })
    }

    pub(crate) async fn find_user(&self, text: &str) -> Result<User, Error> {
        let db = self.store.db();
        let named = Username::read(text).filter(|_| self.config.profile.enabled);
        let email = match named {
            Some(name) => find_email_by_username(db, name.normalized()).await?,
            None => Some(text.to_owned()),
        };
        let email = email.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?;
        let email = Email::parse(&email).map_err(|error| Error::Validation(vec![error]))?;
        let found = find_user_by_email(db, email.normalized()).await?;
        self.with_profile(db, found.ok_or(Error::Refused(refusal::USER_NOT_FOUND))?).await
    }
}

/// Some databases take no NUL in a text.
fn can_begin(text: &str) -> bool {
    (1..=254).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
