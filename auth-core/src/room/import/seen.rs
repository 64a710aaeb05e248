use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::Checked;
use crate::{FieldError, UserId};

/// Which row had which id and address. In a real run the database knows, and in a dry run nobody else does.
#[derive(Clone, Default)]
pub(super) struct Seen {
    ids: HashMap<Uuid, u64>,
    /// By what is left of a digest: addresses would be several times as long, and stay in memory.
    emails: HashMap<[u8; 16], u64>,
    usernames: HashMap<String, u64>,
}

impl Seen {
    /// Takes note of a row, unless it repeats an earlier one.
    pub(super) fn note(&mut self, number: u64, row: Checked) -> Result<Checked, FieldError> {
        let digest = digest(&SHA256, row.email.normalized().as_bytes());
        let email = digest.as_ref().first_chunk().copied().unwrap_or_default();
        let id = row.id.map(UserId::as_uuid);
        if let Some(earlier) = id.and_then(|id| self.ids.get(&id)) {
            return Err(FieldError::new("id", "duplicate", format!("line {earlier} has the same id")));
        }
        if let Some(earlier) = self.emails.get(&email) {
            let rule = format!("line {earlier} has the same address");
            return Err(FieldError::new("email", "duplicate", rule));
        }
        let username = row.username();
        if let Some(earlier) = username.as_ref().and_then(|name| self.usernames.get(name)) {
            let rule = format!("line {earlier} has the same user name");
            return Err(FieldError::new("username", "duplicate", rule));
        }
        self.usernames.extend(username.map(|name| (name, number)));
        self.emails.insert(email, number);
        if let Some(id) = id {
            self.ids.insert(id, number);
        }
        Ok(row)
    }
}
