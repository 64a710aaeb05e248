use http::{HeaderMap, Response, StatusCode};

use super::{UserDocument, caller, json};
use crate::{
    Body,
    service::{Inner, Refusal},
};

/// `GET /users/me`: the user behind the bearer token, as the database has it now. A session revoked or a user
/// disabled since the token was issued is refused.
pub(crate) async fn me(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let user = service.auth.current_user(&caller).await?;
    Ok(json(StatusCode::OK, &UserDocument::of(&user)))
}
