use auth_core::ClientInfo;
use http::{HeaderMap, Response};

use super::no_content;
use crate::{
    Body,
    authenticate::authenticate,
    service::{Inner, Refusal},
};

/// `POST /logout`: ends the session of the cookie and that of the bearer token, whichever there are.
///
/// Both, and not the second only where the first is missing: whether a cookie was any good is not told here,
/// and whoever signs out while holding two sessions wants neither to live on. Credentials that are no good
/// have nothing to end, so they are no error.
pub(crate) async fn logout(
    service: &Inner,
    headers: &HeaderMap,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    for token in service.cookies.refresh.read(headers) {
        service.auth.logout(token.into(), client.clone()).await?;
    }
    if let Ok(Some(caller)) = authenticate(headers, &service.auth.verifier()) {
        service.auth.logout_session(caller.session_id(), client).await?;
    }
    let mut response = no_content();
    service.cookies.refresh.clear(response.headers_mut());
    Ok(response)
}
