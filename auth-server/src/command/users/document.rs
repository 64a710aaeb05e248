//! An account as it stands in a file.

use std::time::SystemTime;

use auth_core::{FieldError, UserRecord};
use auth_tower::rfc3339_millis;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The text of one row, with the names of the HTTP contract and, last, what is secret. A line of JSON is this; CSV has a
/// column for each.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) email: String,
    #[serde(default, deserialize_with = "truth")]
    pub(super) email_verified: Option<bool>,
    #[serde(default, deserialize_with = "truth")]
    pub(super) disabled: Option<bool>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<String>,
    /// An object, or the text of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) totp_secret: Option<String>,
    #[serde(flatten, skip_serializing)]
    pub(super) unknown: Map<String, Value>,
}

impl Document {
    /// # Errors
    /// What is no id, no time or no object.
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
        record.profile.name = given(self.name);
        record.profile.username = given(self.username);
        record.profile.locale = given(self.locale);
        record.profile.data = object("data", self.data)?;
        record.profile.app_data = object("app_data", self.app_data)?;
        record.hash = given(self.hash).map(Into::into);
        record.totp_secret = given(self.totp_secret).map(Into::into);
        Ok(record)
    }

    pub(super) fn of(record: UserRecord) -> Self {
        Self {
            id: record.id.map(|id| id.to_string()),
            email: record.email.expose().to_owned(),
            email_verified: Some(record.email_verified),
            disabled: Some(record.disabled),
            roles: Some(record.roles),
            created_at: record.created_at.map(rfc3339_millis),
            name: record.profile.name,
            username: record.profile.username,
            locale: record.profile.locale,
            data: filled(record.profile.data),
            app_data: filled(record.profile.app_data),
            hash: record.hash.map(|hash| hash.expose().to_owned()),
            totp_secret: record.totp_secret.map(|secret| secret.expose().to_owned()),
            unknown: Map::new(),
        }
    }
}

/// Also as the text of an object, as databases write one that they keep as text.
fn object(field: &'static str, given: Option<Value>) -> Result<Map<String, Value>, FieldError> {
    let given = match given {
        Some(Value::String(text)) if text.trim().is_empty() => None,
        Some(Value::String(text)) => Some(serde_json::from_str(&text).unwrap_or_default()),
        Some(Value::Null) => None,
        given => given,
    };
    match given {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(FieldError::new(field, "not_an_object", format!("{field} is no JSON object"))),
    }
}

fn filled(object: Map<String, Value>) -> Option<Value> {
    (!object.is_empty()).then_some(Value::Object(object))
}

/// A truth value as MySQL and SQLite have it in JSON, or as text.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(value)),
        Value::Number(number) => match number.as_u64() {
            Some(bit @ 0..=1) => Ok(Some(bit == 1)),
            _ => Err(D::Error::custom("neither 0 nor 1")),
        },
        Value::String(text) => {
            super::rows::truth("", text.trim()).map(Some).map_err(|error| D::Error::custom(error.code))
        }
        Value::Array(_) | Value::Object(_) => Err(D::Error::custom("no truth value")),
    }
}

fn moment(text: &str) -> Result<SystemTime, FieldError> {
    let rule = |rule: &str| FieldError::new("created_at", "invalid_time", rule);
    let parsed = OffsetDateTime::parse(&with_whole_offset(text), &Rfc3339).map(SystemTime::from);
    parsed.map_err(|_| {
        if OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339).is_ok() {
            return rule("the time has no zone; add Z to one in UTC, else its offset, like +02:00");
        }
        rule("the time is none of RFC 3339, like 2024-05-06T07:08:09Z")
    })
}

/// PostgreSQL writes `+00` and `+0530` where RFC 3339 wants `+00:00` and `+05:30`, and Ruby and others write ` UTC`.
fn with_whole_offset(text: &str) -> String {
    if let Some(time) = text.strip_suffix("UTC") {
        return format!("{}Z", time.trim_end());
    }
    let Some((time, digits)) = text.rsplit_once(['+', '-']).filter(|(time, _)| time.contains(':')) else {
        return text.to_owned();
    };
    let sign = if text.as_bytes().get(time.len()) == Some(&b'-') { '-' } else { '+' };
    match (digits.len(), digits.split_at_checked(2)) {
        (2, _) => format!("{}{sign}{digits}:00", time.trim_end()),
        (4, Some((hours, minutes))) => format!("{}{sign}{hours}:{minutes}", time.trim_end()),
        _ => format!("{}{sign}{digits}", time.trim_end()),
    }
}
