use std::sync::Arc;

use auth_core::{ClientInfo, Error};
use http::HeaderMap;
use serde_json::json;

use crate::{
    authenticate::authenticate,
    endpoint::answer::{clear_session_cookies, no_content},
    openapi::{Operation, header},
    route::{Answered, Route, Takes},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route = Route::post(|call| Box::pin(logout(call)), describe).takes(Takes::Json);

/// `POST /logout`: ends the session of the cookie and that of the bearer token, whichever there are.
///
/// Both, and not the second only where the first is missing: whether a cookie was any good is not told here,
/// and whoever signs out while holding two sessions wants neither to live on. Credentials that are no good
/// have nothing to end, so they are no error.
async fn logout(call: Call) -> Answered {
    let service = Arc::clone(&call.service);
    sign_out(&service, call.headers(), &call.client).await?;
    let caller = authenticate(call.headers(), &service.auth.verifier()).ok().flatten();
    if let Some(session) = caller.and_then(|caller| caller.session_id()) {
        service.auth.logout_session(session, call.client).await?;
    }
    let mut response = no_content();
    clear_session_cookies(&service, response.headers_mut());
    Ok(response)
}

/// Ends the sessions of all cookies that came along: that of the browser door outlives the refresh cookie in the jar where only
/// applications are used.
pub(crate) async fn sign_out(service: &Inner, headers: &HeaderMap, client: &ClientInfo) -> Result<(), Error> {
    for token in service.cookies.refresh.read(headers) {
        service.auth.logout(token.into(), client.clone()).await?;
    }
    for token in service.browser.iter().flat_map(|door| door.cookie.read(headers)) {
        service.auth.logout_browser(&token.into(), client.clone()).await?;
    }
    Ok(())
}

fn describe(_: &Inner) -> Operation {
    Operation::new("logout", "Sign out")
        .describe(
            "Ends the session of the cookie and that of the bearer token. Without either it is 204 as well.",
        )
        .secured_by(json!([{}, {"refresh_cookie": []}, {"bearer": []}, {"password": []}]))
        .answer(
            204,
            json!({
                "description": "The session is over and the cookie is gone.",
                "headers": {"Set-Cookie": header("Set-Cookie")},
            }),
        )
        .needs_the_database()
}
