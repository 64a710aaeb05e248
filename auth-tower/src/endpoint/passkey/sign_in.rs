//! Signing in with a passkey.

use std::future::ready;

use auth_core::factor::PasskeyLogin;
use serde_json::json;

use super::options;
use crate::{
    endpoint::{
        fields::{credential, object},
        signed_in,
    },
    openapi::{Operation, header, shape::reference},
    route::{Answered, Route, Takes},
    service::{Call, Inner},
};

pub(super) const OPTIONS: Route = Route::post(|call| Box::pin(ready(begin(&call))), describe_options);
pub(super) const LOGIN: Route = Route::post(|call| Box::pin(login(call)), describe_login).takes(Takes::Json);

/// `POST /passkeys/options`: nothing is kept of it.
fn begin(call: &Call) -> Answered {
    options(&call.service.passkeys()?.begin_login()?)
}

fn describe_options(_: &Inner) -> Operation {
    Operation::new("begin_passkey_login", "Sign in with a passkey: begin")
        .describe(
            "Also for conditional mediation, as a page opens. Good for five minutes, and for one sign-in.",
        )
        .answers_with(200, "For `navigator.credentials.get`.", "PasskeyOptions")
}

/// `POST /passkeys/login` `{"credential"}`: one answer to whatever is wrong.
async fn login(call: Call) -> Answered {
    // No two sessions in one jar: the new one takes the place of the one that the jar holds.
    let replaced = call.service.cookies.refresh.read_one(call.headers()).map(Into::into);
    let signed = credential(&mut object(call.payload)?).unwrap_or_default();
    let mut login = PasskeyLogin::new(signed).client(call.client);
    if let Some(token) = replaced {
        login = login.replacing(token);
    }
    let sign_in = call.service.passkeys()?.login(login).await?;
    signed_in::answer(&call.service, sign_in, None)
}

fn describe_login(_: &Inner) -> Operation {
    Operation::new("passkey_login", "Sign in with a passkey")
        .describe(
            "With what `navigator.credentials.get` gave. That is two factors, and no other is asked for. A live refresh cookie that \
             comes along is of a session that ends with this.",
        )
        .takes("PasskeyLogin", &json!({"credential": {"id": "AAE", "type": "public-key", "response": {}}}))
        .answer(
            200,
            json!({
                "description": "The access token; the refresh token is in the cookie only.",
                "headers": {"Set-Cookie": header("Set-Cookie")},
                "content": {"application/json": {"schema": reference("Token")}},
            }),
        )
        .fails(signed_in::CODES)
        .fails(&["invalid_credentials", "validation_failed", "throttled"])
        .needs_the_database()
}
