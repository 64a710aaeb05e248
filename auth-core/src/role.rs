//! Roles: names that a host gives a meaning. Every account has `user`; others are granted.

use std::collections::BTreeSet;

use crate::FieldError;

/// The role whose holders administer accounts. The last one of them who can sign in keeps it.
pub const ADMIN_ROLE: &str = "admin";

/// The role that every account has and that is not stored.
pub(crate) const IMPLIED: &str = "user";

/// What fits the column and a header of a sensible length.
const MAX_LENGTH: usize = 64;

/// More would make access tokens too large for headers.
const MAX_ROLES: usize = 32;

/// The roles to store for these names.
pub(crate) fn granted(roles: Vec<String>) -> Result<BTreeSet<String>, FieldError> {
    if !roles.iter().all(|role| is_role_name(role)) {
        let rule = "a role is 1 to 64 of a-z, 0-9, _ and -";
        return Err(FieldError::new("roles", "invalid_role", rule));
    }
    let stored: BTreeSet<String> = roles.into_iter().filter(|role| role != IMPLIED).collect();
    if stored.len() > MAX_ROLES {
        let rule = "a user may have at most 32 roles";
        return Err(FieldError::new("roles", "too_many_roles", rule));
    }
    Ok(stored)
}

/// Whether this can be the name of a role: 1 to 64 of `[a-z0-9_-]`. Nobody ever has another one.
pub fn is_role_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(allowed)
}
