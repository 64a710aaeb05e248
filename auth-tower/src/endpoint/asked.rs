//! What a proxy asks for besides, at the doors where it asks. What is not understood is refused: a proxy that misspells a parameter must
//! not let everybody in.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use auth_core::Assurance;
use serde_json::{Value, json};

use crate::{openapi::Operation, problem::Problem, service::Call};

/// The parameters of the address, none of which is nothing: one of a variable that is not set would otherwise be as good as no
/// parameter.
pub(super) fn parameters(
    call: &Call,
    not_understood: impl Fn() -> Problem,
) -> Result<BTreeMap<String, String>, Problem> {
    let is_nothing = |pair: &str| pair.split_once('=').is_none_or(|(_, value)| value.is_empty());
    if call.raw_query().split('&').any(|pair| !pair.is_empty() && is_nothing(pair)) {
        return Err(not_understood());
    }
    call.query()
}

/// What a person has to have.
pub(super) struct Asked {
    pub(super) level: Option<Assurance>,
    pub(super) max_age: Option<Duration>,
    role: Option<String>,
}

/// Who it is, as far as it is asked for.
pub(super) struct Shown<'a> {
    pub(super) assurance: Assurance,
    pub(super) authenticated_at: SystemTime,
    pub(super) roles: &'a [String],
}

/// What is missing.
pub(super) enum Missing {
    /// To show once more who one is.
    Proof(Problem),
    Role,
}

impl From<Missing> for Problem {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Proof(problem) => problem,
            Missing::Role => Self::forbidden(),
        }
    }
}

impl Asked {
    /// Takes its parameters out. `None`: one is not understood.
    pub(super) fn take(query: &mut BTreeMap<String, String>) -> Option<Self> {
        let level = match query.remove("acr") {
            Some(name) => Some(Assurance::named(&name)?),
            None => None,
        };
        let max_age = match query.remove("max_age") {
            // Digits only: parsing alone would take a sign.
            Some(age) if age.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Duration::from_secs(age.parse::<u32>().ok()?.into()))
            }
            Some(_) => return None,
            None => None,
        };
        Some(Self { level, max_age, role: query.remove("role") })
    }

    pub(super) fn of(&self, shown: &Shown<'_>, now: SystemTime) -> Result<(), Missing> {
        // One ahead of this clock was made by a server whose clock runs faster.
        let age = now.duration_since(shown.authenticated_at).unwrap_or_default();
        let is_recent = self.max_age.is_none_or(|max_age| age <= max_age);
        if !is_recent || self.level.is_some_and(|level| shown.assurance < level) {
            return Err(Missing::Proof(Problem::insufficient_authentication(self.level, self.max_age)));
        }
        match &self.role {
            Some(role) if !shown.roles.contains(role) => Err(Missing::Role),
            _ => Ok(()),
        }
    }
}

/// A parameter, described.
pub(super) fn parameter(name: &str, description: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

/// The parameters, described.
pub(super) fn describe(operation: Operation) -> Operation {
    [
        parameter("acr", "At least so much was shown.", &json!({"type": "string", "enum": ["aal1", "aal2"]})),
        parameter(
            "max_age",
            "At most so many seconds ago.",
            &json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
        ),
        parameter(
            "role",
            "By who has this role.",
            &json!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}),
        ),
    ]
    .into_iter()
    .fold(operation, Operation::parameter)
    .fails(&["insufficient_user_authentication", "forbidden"])
}
