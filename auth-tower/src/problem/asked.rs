//! By what a sign-in can go on: members of the document that asks for a second factor.

use std::{fmt, time::SystemTime};

use auth_core::Challenge;
use serde::Serialize;
use serde_json::Value;

#[derive(Clone, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    auth_session: String,
    methods: Vec<&'static str>,
    /// Where a passkey is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey_options: Option<Value>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
}

impl Asked {
    /// `now`: of the clock that `expires_at` is by. Without it nothing is said of the time.
    pub(super) fn of(challenge: &Challenge, now: Option<SystemTime>) -> Self {
        let left = |now| challenge.expires_at.duration_since(now).unwrap_or_default().as_secs();
        let options = challenge.passkey_options.as_ref();
        Self {
            auth_session: challenge.auth_session.expose().to_owned(),
            methods: challenge.methods.clone(),
            passkey_options: options.and_then(|options| serde_json::from_str(options.json()).ok()),
            expires_in: now.map(left),
        }
    }
}

/// Without what signs in.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("methods", &self.methods).finish_non_exhaustive()
    }
}
