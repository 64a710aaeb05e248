//! Logout tokens (OpenID Connect Back-Channel Logout 1.0).

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use serde_json::{Map, json};

use crate::{Error, kernel::Kernel, store::Placed};

/// The header `typ`.
const TYP: &str = "logout+jwt";
/// In seconds: each try has a new one.
const LIVES: i64 = 120;

/// Events that end sessions. Those of the first kind end the one that they name, the others all of a user's, or all but one: then the
/// token names none, and whoever gets it ends all that it has of that user.
pub(super) const ENDINGS: &[&str] = &[
    "signed_out",
    "refresh_reused",
    "all_signed_out",
    "others_signed_out",
    "disabled",
    "deleted",
    "unverified_removed",
    "password_changed",
    "password_reset",
    "email_changed",
    "email_change_stopped",
    "factors_reset",
    "reclaimed",
];
const OF_ONE: &[&str] = &["signed_out", "refresh_reused"];

pub(super) fn request(kernel: &Kernel, url: &str, placed: &Placed) -> Result<Request<Bytes>, Error> {
    let event = &placed.event;
    let (iat, tokens) = (kernel.now().div_euclid(1000), &kernel.config.tokens);
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(tokens.issuer));
    claims.insert("aud".to_owned(), json!(tokens.audience));
    claims.insert("iat".to_owned(), json!(iat));
    claims.insert("exp".to_owned(), json!(iat + LIVES));
    claims.insert("jti".to_owned(), json!(event.id));
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    claims.insert("events".to_owned(), logout);
    if let Some(user) = event.user_id {
        claims.insert("sub".to_owned(), json!(user));
    }
    if let Some(session) = event.session_id.filter(|_| OF_ONE.contains(&event.code.as_str())) {
        claims.insert("sid".to_owned(), json!(session));
    }
    let claims = serde_json::to_vec(&claims).map_err(Error::internal)?;
    let token = kernel.keys.get().issuer.sign(TYP, &claims, kernel.now())?;
    Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("logout_token={token}").into())
        .map_err(Error::internal)
}
