use std::time::SystemTime;

use crate::{Address, Password, Profile, UserId};

/// An account as a row: what an import reads and an export writes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UserRecord {
    /// `None`: the account gets one of its own, and another run knows it again by its address.
    pub id: Option<UserId>,
    /// The address as it was typed. Held like a secret, so that no `Debug` shows it.
    pub email: Address,
    /// Whether somebody proved to read mail at that address.
    pub email_verified: bool,
    /// Whether the account may not sign in.
    pub disabled: bool,
    /// Beyond `user`, which every account has.
    pub roles: Vec<String>,
    /// From 1970 to 9999. `None`: now.
    pub created_at: Option<SystemTime>,
    /// The stored password, in one of the formats of the manual's page on
    /// [passwords](crate::manual::passwords#stored-hashes). `None`: nobody can sign in until there is a reset.
    pub hash: Option<Password>,
    /// The secret of an authenticator app, which is asked for from the first sign-in on: base32, hex in lower case, or the
    /// `otpauth://` address of an app, of SHA-1, six digits and thirty seconds. An export has base32. `None`: there is none.
    pub totp_secret: Option<Password>,
    /// What the account tells beside its address; taken over also where profiles are not shown.
    pub profile: Profile,
}

impl UserRecord {
    /// An account with nothing but an address.
    pub fn new(email: impl Into<Address>) -> Self {
        Self {
            id: None,
            email: email.into(),
            email_verified: false,
            disabled: false,
            roles: Vec::new(),
            created_at: None,
            hash: None,
            totp_secret: None,
            profile: Profile::default(),
        }
    }
}
