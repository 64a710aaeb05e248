use std::collections::BTreeSet;

use super::UserRecord;
use crate::{
    FieldError, Password, Profile, UserId, clock::to_millis, email::Email, kernel::Moves,
    password::validate_stored_hash, role,
};

/// The end of the year 9999: later ones have no form in RFC 3339.
const LATEST: i64 = 253_402_300_799_999;

/// A row that is sound by itself.
pub(super) struct Checked {
    pub(super) id: Option<UserId>,
    pub(super) email: Email,
    pub(super) email_verified: bool,
    pub(super) disabled: bool,
    pub(super) roles: BTreeSet<String>,
    pub(super) created_at: Option<i64>,
    pub(super) hash: Option<Password>,
    pub(super) totp_secret: Option<Password>,
    pub(super) profile: Profile,
}

impl Checked {
    /// In the form by which user names are compared.
    pub(super) fn username(&self) -> Option<String> {
        self.profile.username.as_deref().map(str::to_ascii_lowercase)
    }
}

/// # Errors
/// The first field that cannot be taken.
pub(super) fn validate(row: UserRecord, moves: Option<Moves>) -> Result<Checked, FieldError> {
    let email = Email::parse(row.email.expose())?;
    let roles = role::granted(row.roles)?;
    let created_at = row.created_at.map(to_millis);
    if created_at.is_some_and(|millis| !(0..=LATEST).contains(&millis)) {
        return Err(FieldError::new("created_at", "out_of_range", "the time is not from 1970 to 9999"));
    }
    if let Some(hash) = &row.hash {
        // Of salts in plain text some databases would refuse a NUL, and the whole batch with it.
        let usable = hash.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if !usable {
            let rule = "the hash has a character that none has";
            return Err(FieldError::new("hash", "unusable_hash", rule));
        }
        validate_stored_hash(hash.expose())
            .map_err(|error| FieldError::new("hash", "unusable_hash", format!("the hash {error}")))?;
    }
    if let (Some(secret), Some(moves)) = (&row.totp_secret, moves) {
        (moves.validate)(secret)?;
    }
    let profile = row.profile.validate()?;
    let UserRecord { id, email_verified, disabled, hash, totp_secret, .. } = row;
    Ok(Checked { id, email, email_verified, disabled, roles, created_at, hash, totp_secret, profile })
}
