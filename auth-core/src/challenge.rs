//! What somebody is asked for who has shown one factor.

use std::{fmt, time::SystemTime};

use crate::AuthSession;

/// A second factor is needed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Challenge {
    /// For the request that answers it; works once.
    pub auth_session: AuthSession,
    /// What it can be answered with, as `totp`, `passkey` or `recovery_code`; where `enrol` is set, what can be set up.
    pub methods: Vec<&'static str>,
    /// Whether a factor has to be set up first, because a policy asks for one and there is none.
    pub enrol: bool,
    /// What a browser is given to answer with a passkey, where that is one of the methods; not where one has to be set up.
    pub passkey_options: Option<PasskeyOptions>,
    /// When it is too late.
    pub expires_at: SystemTime,
}

/// What a browser is given to make a passkey or to sign with one: in the form that
/// `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` take (WebAuthn Level 3 section 5.1.8).
/// Good for five minutes.
#[derive(Clone, PartialEq, Eq)]
pub struct PasskeyOptions(pub(crate) String);

impl PasskeyOptions {
    /// A JSON object.
    pub fn json(&self) -> &str {
        &self.0
    }
}

/// Without the address that is in it.
impl fmt::Debug for PasskeyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyOptions").finish_non_exhaustive()
    }
}
