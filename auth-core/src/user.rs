//! What a host learns about a user.

use std::{fmt, time::SystemTime};

use serde_json::{Map, Value};

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
    /// What the account tells beside its address. `None` where there are [none](crate::ProfileConfig::enabled); to
    /// [hooks](crate::Hooks) it is not told, and [`Auth::user`](crate::Auth::user) reads it.
    pub profile: Option<Profile>,
}

/// What an account tells beside its address. All of it may be missing; what is written there proves nothing.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// What to call the person: 1 to 200 characters.
    pub name: Option<String>,
    /// A name to sign in with, unique in whatever case it is written: 3 to 32 of `[A-Za-z0-9._-]`. It is public.
    pub username: Option<String>,
    /// The language, as a tag of BCP 47: `de-AT`.
    pub locale: Option<String>,
    /// What the person, or an application for them, keeps here: at most 8 KiB of JSON.
    pub data: Map<String, Value>,
    /// What administrators and services keep here about the person, who reads it: at most 8 KiB of JSON.
    pub app_data: Map<String, Value>,
}

/// Tells nothing of the person.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

impl Profile {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
