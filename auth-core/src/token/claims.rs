//! What is inside an access token (RFC 9068).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The header `typ` of access tokens: a token of another kind is refused before its claims are read.
pub(crate) const ACCESS_TYP: &str = "at+jwt";

/// Every member but `nbf` is required. Times are unix seconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: Uuid,
    pub(crate) sid: Uuid,
    pub(crate) jti: Uuid,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    /// Never issued by us; honoured when there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<i64>,
    pub(crate) auth_time: i64,
    pub(crate) roles: Vec<String>,
    /// Raised whenever the user's roles are set; left out while they never were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) roles_version: i64,
    pub(crate) amr: Vec<String>,
    /// In every token of ours; one of before it was told has one factor.
    #[serde(default)]
    pub(crate) acr: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
