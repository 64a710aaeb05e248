//! What a host learns about a user.

use std::time::SystemTime;

use crate::{Profile, UserId};

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
    /// What the account tells beside its address. `None` where there are [none](crate::ProfileConfig::enabled); to
    /// [hooks](crate::Hooks) it is not told, and [`Auth::user`](crate::Auth::user) reads it.
    pub profile: Option<Profile>,
}
