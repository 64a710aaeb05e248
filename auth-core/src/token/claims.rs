//! What is inside an access token (RFC 9068).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The header `typ` of access tokens: a token of another kind is refused before its claims are read.
pub(crate) const ACCESS_TYP: &str = "at+jwt";

/// Times are unix seconds. Of a session there are `sid`, `auth_time` and `amr`; of a service account there is none of these, and
/// instead `client_id`, which is `sub`, and `key_id` (RFC 9068 section 2.2). A verifier that knows sessions only refuses the second kind.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccessClaims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<Uuid>,
    /// With spaces between them; left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    pub(crate) jti: Uuid,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    /// Never issued by us; honoured when there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auth_time: Option<i64>,
    pub(crate) roles: Vec<String>,
    /// Raised whenever the user's roles are set; left out while they never were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) roles_version: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amr: Option<Vec<String>>,
    /// In every token of a session of ours; one of before it was told has one factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
