//! The caller behind a verified access token.

use std::time::SystemTime;

use crate::{Assurance, SessionId, UserId};

/// How it was checked that a token is still good: the greater, the sooner a revocation takes effect. The
/// [ways to check one](crate::manual::architecture#three-ways-to-check-an-access-token) have what each costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verified {
    /// By signature and claims alone: a revocation takes effect when the token expires.
    Stateless,
    /// Also against what is known to have ended: after the next poll
    /// ([`TokenVerifier::bounded`](crate::TokenVerifier::bounded)).
    Bounded,
    /// The session was read, and the roles are those of this moment
    /// ([`Auth::verify_session`](crate::Auth::verify_session)).
    Strict,
}

/// Who is calling, as the access token tells it. Made by
/// [`TokenVerifier::verify`](crate::TokenVerifier::verify) only, so holding one means that the token was good.
/// [`Auth::verify_session`](crate::Auth::verify_session) turns one into another with the roles of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) roles: Vec<String>,
    /// Of the roles; to be compared with the user's.
    pub(crate) roles_version: i64,
    pub(crate) methods: Vec<String>,
    pub(crate) assurance: Assurance,
    pub(crate) authenticated_at: SystemTime,
    pub(crate) issued_at: SystemTime,
    pub(crate) expires_at: SystemTime,
    pub(crate) verified: Verified,
}

impl Principal {
    /// The user (claim `sub`).
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The session (claim `sid`).
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The roles the user had when the token was issued or, after a strict check, when it was made.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Whether this is one of the [`roles`](Self::roles).
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held == role)
    }

    /// How the user signed in (claim `amr`, RFC 8176): `pwd`, ...
    pub fn methods(&self) -> &[String] {
        &self.methods
    }

    /// How surely it is known who it is (claim `acr`).
    pub fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// When the user last proved who they are (claim `auth_time`), at `aal2` with the second factor. A refresh does not move it
    /// (NIST SP 800-63B: a token does not prove presence).
    pub fn authenticated_at(&self) -> SystemTime {
        self.authenticated_at
    }

    /// When the token was issued (claim `iat`).
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// How it was checked that the token is still good, so that whoever needs the roles of this moment can ask for it.
    pub fn verified(&self) -> Verified {
        self.verified
    }

    /// When the token ends (claim `exp`).
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}
