//! An account as it stands in a file.

use std::time::{Duration, SystemTime};

use auth_core::{FieldError, UserRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The text of one row, with the names of the HTTP contract and, last, the stored hash. A line of JSON is this; CSV has a
/// column for each.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) email: String,
    pub(super) email_verified: Option<bool>,
    pub(super) disabled: Option<bool>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    #[serde(flatten, skip_serializing)]
    pub(super) unknown: Map<String, Value>,
}

impl Document {
    /// # Errors
    /// What is no id or no time.
    pub(super) fn record(self, ignore_ids: bool) -> Result<UserRecord, FieldError> {
        let mut record = UserRecord::new(self.email);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        record.id = match given(self.id) {
            Some(id) if !ignore_ids => Some(id.parse().map_err(|_| {
                let rule = "the id is no UUID; with --ignore-ids each account gets a new one";
                FieldError::new("id", "invalid_id", rule)
            })?),
            _ => None,
        };
        record.created_at = given(self.created_at).map(|text| moment(&text)).transpose()?;
        record.email_verified = self.email_verified.unwrap_or_default();
        record.disabled = self.disabled.unwrap_or_default();
        record.roles = self.roles.unwrap_or_default();
        record.hash = given(self.hash).map(Into::into);
        Ok(record)
    }

    pub(super) fn of(record: UserRecord) -> Self {
        Self {
            id: record.id.map(|id| id.to_string()),
            email: record.email.expose().to_owned(),
            email_verified: Some(record.email_verified),
            disabled: Some(record.disabled),
            roles: Some(record.roles),
            created_at: record.created_at.map(millis),
            hash: record.hash.map(|hash| hash.expose().to_owned()),
            unknown: Map::new(),
        }
    }
}

fn moment(text: &str) -> Result<SystemTime, FieldError> {
    OffsetDateTime::parse(text, &Rfc3339).map(SystemTime::from).map_err(|_| {
        let rule = "the time is none of RFC 3339, like 2024-05-06T07:08:09Z";
        FieldError::new("created_at", "invalid_time", rule)
    })
}

/// To the millisecond, as times are stored. One that no calendar has, from a broken row, becomes the epoch.
fn millis(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or_default());
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(i128::try_from(whole.as_nanos()).unwrap_or_default());
    time.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(&Rfc3339).unwrap_or_default()
}
