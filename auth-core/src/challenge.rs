//! What somebody is asked for who has shown one factor.

use std::time::SystemTime;

use crate::AuthSession;

/// A second factor is needed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Challenge {
    /// For the request that answers it; works once.
    pub auth_session: AuthSession,
    /// What it can be answered with, as `totp` or `recovery_code`; where `enrol` is set, what can be set up.
    pub methods: Vec<&'static str>,
    /// Whether a factor has to be set up first, because a policy asks for one and there is none.
    pub enrol: bool,
    /// When it is too late.
    pub expires_at: SystemTime,
}
