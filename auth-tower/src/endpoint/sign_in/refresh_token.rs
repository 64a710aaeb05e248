use auth_core::Error;
use serde_json::json;

use super::tokens_described;
use crate::{
    endpoint::{
        answer::{clear_session_cookies, tokens},
        signed_in,
    },
    openapi::Operation,
    problem::Problem,
    route::{Answered, Route, Takes},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route =
    Route::post(|call| Box::pin(refresh_token(call)), describe).takes(Takes::Json);

/// `POST /refresh-token`: the cookie in, new tokens out.
async fn refresh_token(call: Call) -> Answered {
    let cookies = call.service.cookies;
    let token = match *cookies.refresh.read(call.headers()) {
        [] => return Err(Problem::no_refresh_cookie().into()),
        [token] => token.into(),
        // Whose of several is the owner's cannot be told.
        _ => return Err(Error::InvalidToken.into()),
    };
    match call.service.auth.refresh(token, call.client).await {
        Ok(granted) => Ok(tokens(&call.service, &granted)),
        // Only here is the cookie known to be of no more use. Where the client itself has left the session, a
        // newer cookie is in the jar or on its way, and this answer may be the last to arrive; a malformed one may
        // stand beside a good one; and a fault of ours is no reason to sign anybody out.
        Err(Error::SessionOver) => {
            let mut response = Problem::from(Error::SessionOver).for_oauth().into_response();
            clear_session_cookies(&call.service, response.headers_mut());
            Ok(response)
        }
        // The session goes on, and so does its cookie, with which the challenge is answered.
        Err(Error::SecondFactorRequired(challenge)) => Ok(signed_in::document(&call.service, &challenge)),
        Err(error) => Err(error.into()),
    }
}

fn describe(_: &Inner) -> Operation {
    Operation::new("refresh_token", "Get a new access token")
        .describe(
            "By the refresh cookie, which is replaced. Several requests with the same cookie at once all get the same new one. A \
             401 takes the cookie away when the session is over.",
        )
        .secured_by(json!([{"refresh_cookie": []}]))
        .answer(200, tokens_described())
        .fails(&["invalid_token", "throttled"])
        .fails(signed_in::CODES)
        .needs_the_database()
}
