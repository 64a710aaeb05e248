//! The caller behind a verified access token.

use std::{fmt, sync::Arc, time::SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{ApiKeyId, Assurance, Claims, Error, SessionId, UserId};

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

/// Who is calling, as the access token or the API key tells it. Made by
/// [`TokenVerifier::verify`](crate::TokenVerifier::verify) and [`Machines::verify`](crate::machine::Machines::verify) only, so
/// holding one means that the token, or the key, was good.
/// [`Auth::verify_session`](crate::Auth::verify_session) turns one into another with the roles of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(crate) user_id: UserId,
    pub(crate) caller: Caller,
    pub(crate) shown: Shown,
    /// What a key is limited to; a session has none, and no limit.
    pub(crate) scopes: Vec<String>,
    pub(crate) roles: Vec<String>,
    /// Of the roles; to be compared with the user's.
    pub(crate) roles_version: i64,
    pub(crate) methods: Vec<String>,
    pub(crate) assurance: Assurance,
    pub(crate) authenticated_at: SystemTime,
    pub(crate) issued_at: SystemTime,
    pub(crate) expires_at: SystemTime,
    pub(crate) verified: Verified,
    pub(crate) payload: Payload,
}

/// What the token says, as it stood there; read when somebody asks for a claim of the host's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) Arc<str>);

/// The host's claims are the host's to show.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A user: signed in, or by a key of theirs.
    Person,
    /// A service account.
    Service,
}

impl Caller {
    /// As it stands in `X-Auth-Caller`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }
}

/// By what a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credential {
    /// An access token of a session: a person who has signed in.
    Session,
    /// An API key.
    ApiKey,
    /// An access token that a service account got for its key (RFC 6749 section 4.4).
    ClientCredentials,
}

impl Credential {
    /// As it stands in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::ApiKey => "api_key",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// What was shown, with its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Session(SessionId),
    ApiKey(ApiKeyId),
    /// The key that the token was got for, and the token's own id.
    Token(ApiKeyId, Uuid),
}

impl Principal {
    /// The account (claim `sub`): a user, or a service account.
    pub fn user_id(&self) -> UserId {
        self.user_id
    }

    /// Whether this is a person or a service.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// By what it is known.
    pub fn credential(&self) -> Credential {
        match self.shown {
            Shown::Session(_) => Credential::Session,
            Shown::ApiKey(_) => Credential::ApiKey,
            Shown::Token(..) => Credential::ClientCredentials,
        }
    }

    /// The session (claim `sid`). `None`: nobody is signed in, it is a machine.
    pub fn session_id(&self) -> Option<SessionId> {
        match self.shown {
            Shown::Session(session) => Some(session),
            Shown::ApiKey(_) | Shown::Token(..) => None,
        }
    }

    /// The key of a machine, or the one that its token was got for (claim `key_id`).
    pub fn key_id(&self) -> Option<ApiKeyId> {
        match self.shown {
            Shown::Session(_) => None,
            Shown::ApiKey(key) | Shown::Token(key, _) => Some(key),
        }
    }

    /// What a key is limited to (claim `scope`). Empty for a session, which is not limited: see [`has_scope`](Self::has_scope).
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Whether this may be done by who calls: anything in a session, and by a machine what its key is for.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.session_id().is_some() || self.scopes.iter().any(|held| held == scope)
    }

    /// The session of somebody who is signed in, for what no machine may do.
    pub(crate) fn session(&self) -> Result<SessionId, Error> {
        self.session_id().ok_or(Error::SessionRequired)
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

    /// A claim of the token by its name, as one that [`Hooks::claims`](crate::Hooks::claims) has given. `None`: it is not there, or of
    /// another kind.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let payload = URL_SAFE_NO_PAD.decode(self.payload.0.as_bytes()).ok()?;
        let mut claims: Claims = serde_json::from_slice(&payload).ok()?;
        serde_json::from_value(claims.remove(name)?).ok()
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
