use auth_core::{ClientInfo, Error};
use http::{HeaderMap, Response};

use super::tokens;
use crate::{
    Body,
    problem::Problem,
    service::{Inner, Refusal},
};

/// `POST /refresh-token`: the cookie in, new tokens out.
pub(crate) async fn refresh_token(
    service: &Inner,
    headers: &HeaderMap,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let Some(token) = service.cookies.refresh.read_one(headers) else {
        return Err(Error::InvalidToken.into());
    };
    match service.auth.refresh(token.into(), client).await {
        Ok(granted) => Ok(tokens(service.cookies, &granted)),
        // Only here is the cookie known to be of no more use. Where the client itself has left the session, a
        // newer cookie is in the jar or on its way, and this answer may be the last to arrive; a malformed one may
        // stand beside a good one; and a fault of ours is no reason to sign anybody out.
        Err(Error::SessionOver) => {
            let mut response = Problem::from(Error::SessionOver).for_oauth().into_response();
            service.cookies.refresh.clear(response.headers_mut());
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}
