//! What a host learns about a user.

use std::time::SystemTime;

use crate::UserId;

/// A user as the host sees it. Never carries a hash or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// Stays the same for the life of the account.
    pub id: UserId,
    /// The address as it was typed at registration.
    pub email: String,
    /// Whether somebody proved to read mail at that address.
    pub email_verified: bool,
    /// `user`, which every account has, then the granted ones in alphabetical order.
    pub roles: Vec<String>,
    /// When the account was made.
    pub created_at: SystemTime,
    /// A disabled user can neither sign in nor refresh.
    pub disabled: bool,
}
