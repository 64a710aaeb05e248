//! Logout tokens (OpenID Connect Back-Channel Logout 1.0).

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use serde_json::{Map, json};

use crate::{
    Error,
    event::{Ends, SORTS},
    kernel::Kernel,
    random,
    store::Placed,
};

/// The header `typ`.
const TYP: &str = "logout+jwt";
/// In seconds: each try has a new one.
const LIVES: i64 = 120;

/// The codes of events that end sessions, with commas between them.
pub(super) fn endings() -> String {
    let ends = SORTS.iter().filter(|sort| sort.ends != Ends::None).map(|sort| sort.code);
    ends.collect::<Vec<_>>().join(",")
}

/// Where one session ended the token names it. Where all of a user's did, or all but one, it names none: whoever gets it ends all
/// that it has of that user.
pub(super) fn request(kernel: &Kernel, url: &str, placed: &Placed) -> Result<Request<Bytes>, Error> {
    let event = &placed.event;
    let (iat, tokens) = (kernel.now().div_euclid(1000), &kernel.config.tokens);
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), json!(tokens.issuer));
    claims.insert("aud".to_owned(), json!(tokens.audience));
    claims.insert("iat".to_owned(), json!(iat));
    claims.insert("exp".to_owned(), json!(iat + LIVES));
    // A new one for each token, also when it is tried again: a receiver that remembers them refuses one that comes twice.
    claims.insert("jti".to_owned(), json!(random::uuid(kernel.random.as_ref())?));
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    claims.insert("events".to_owned(), logout);
    if let Some(user) = event.user_id {
        claims.insert("sub".to_owned(), json!(user));
    }
    let ends_one = SORTS.iter().any(|sort| sort.ends == Ends::One && sort.code == event.code);
    if let Some(session) = event.session_id.filter(|_| ends_one) {
        claims.insert("sid".to_owned(), json!(session));
    }
    let claims = serde_json::to_vec(&claims).map_err(Error::internal)?;
    let token = kernel.keys.get().issuer.sign(TYP, &claims, kernel.now())?;
    Request::post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("logout_token={token}").into())
        .map_err(Error::internal)
}
