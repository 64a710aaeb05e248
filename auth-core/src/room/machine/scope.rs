//! What a key is limited to.

use std::collections::BTreeSet;

use super::Owner;
use crate::{ADMIN_ROLE, FieldError};

/// Calls the administration, as long as the owner is an administrator.
pub const ADMIN_SCOPE: &str = "admin";
/// Asks what a token is worth. For service accounts.
pub const INTROSPECT_SCOPE: &str = "introspect";
/// Reads the events. For service accounts.
pub const EVENTS_SCOPE: &str = "events";

const MAX_LENGTH: usize = 64;
const MAX_SCOPES: usize = 20;

/// Whether this can be the name of a scope: 1 to 64 of `[a-z0-9:._-]`.
pub fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":._-".contains(&byte);
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed)
}

/// The scopes to store for these names, each once, if the owner may have them.
pub(super) fn granted(
    scopes: Vec<String>,
    owner: Owner,
    roles: &[String],
) -> Result<Vec<String>, FieldError> {
    let refuse = |code, rule: &str| Err(FieldError::new("scopes", code, rule));
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return refuse("invalid_scope", "a scope is 1 to 64 of a-z, 0-9, :, ., _ and -");
    }
    let scopes: BTreeSet<String> = scopes.into_iter().collect();
    if scopes.len() > MAX_SCOPES {
        return refuse("too_many_scopes", "a key may have at most 20 scopes");
    }
    let is_person = matches!(owner, Owner::Person(_));
    if is_person && [INTROSPECT_SCOPE, EVENTS_SCOPE].iter().any(|reserved| scopes.contains(*reserved)) {
        return refuse("reserved_scope", "the scopes introspect and events are for service accounts");
    }
    if scopes.contains(ADMIN_SCOPE) && !roles.iter().any(|role| role == ADMIN_ROLE) {
        return refuse("reserved_scope", "the scope admin is for who has the role admin");
    }
    Ok(scopes.into_iter().collect())
}
