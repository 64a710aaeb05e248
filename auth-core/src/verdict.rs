//! What a host says when it is asked.

use serde_json::Value;

/// Named claims for an access token.
pub type Claims = serde_json::Map<String, Value>;

/// Claims that no hook can set: those of access tokens, and what other kinds of tokens mean by a name (RFC 7519, RFC 9068, RFC 8693).
pub const RESERVED_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "auth_time",
    "acr",
    "amr",
    "azp",
    "nonce",
    "roles",
    "roles_version",
    "scope",
    "client_id",
    "key_id",
    "cnf",
    "act",
    "may_act",
    "events",
    "groups",
    "entitlements",
    "profile",
];

/// What a hook says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allow,
    /// No, and why.
    Deny(Denial),
}

impl Verdict {
    /// No. `code` is for programs: 1 to 64 of `[a-z0-9_]`, or it becomes `denied`; `text` for people: cut to 256 characters.
    pub fn deny(code: &str, text: &str) -> Self {
        let is_code = (1..=64).contains(&code.len())
            && code.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
        Self::Deny(Denial {
            code: if is_code { code } else { Denial::CODE }.to_owned(),
            text: text.chars().filter(|c| !c.is_control()).take(256).collect(),
        })
    }
}

/// Why a host says no.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// For programs.
    pub code: String,
    /// For people.
    pub text: String,
}

impl Denial {
    /// The code of one that has none of its own.
    pub const CODE: &'static str = "denied";
}

/// A hook that cannot answer. The text is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookError(pub String);
