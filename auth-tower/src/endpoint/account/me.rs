use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    endpoint::{
        answer::{clear_session_cookies, json, no_content},
        document::UserDocument,
        fields::password_again,
        machine,
    },
    openapi::{
        Operation, header,
        shape::{self, password, reference},
    },
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const GET: Route =
    Route::get(|call| Box::pin(me(call)), describe_me).open_to(Caller::Bearer).and_machines();

pub(super) const DELETE: Route = Route::delete(|call| Box::pin(delete_me(call)), describe_delete_me)
    .takes(Takes::Json)
    .open_to(Caller::Bearer);

/// `GET /users/me`: the user behind the bearer token, as the database has it now. A session revoked or a user
/// disabled since the token was issued is refused.
async fn me(mut call: Call) -> Answered {
    let caller = call.caller()?;
    if caller.session_id().is_none() {
        return machine::who(&call.service, &caller).await;
    }
    let user = call.service.auth.current_user(&caller).await?;
    Ok(json(StatusCode::OK, &UserDocument::of(&user)))
}

fn describe_me(_: &Inner) -> Operation {
    let content =
        json!({"application/json": {"schema": {"anyOf": [reference("User"), reference("ServiceAccount")]}}});
    Operation::new("me", "Who am I")
        .describe("A key tells whose it is, whatever it is for; a service account is told as one.")
        .answer(200, json!({"description": "The caller, as the database has them now.", "content": content}))
}

/// `DELETE /users/me`.
async fn delete_me(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let password = password_again(call.payload)?;
    let client = call.client.actor(caller.user_id());
    call.service.auth.delete_account(&caller, password, client).await?;
    let mut response = no_content();
    clear_session_cookies(&call.service, response.headers_mut());
    Ok(response)
}

fn describe_delete_me(_: &Inner) -> Operation {
    Operation::new("delete_me", "Delete the account")
        .describe("With all that hangs on it. An account without a password needs a sign-in of the last five minutes instead.")
        .takes_password_again()
        .answer(
            204,
            json!({"description": "It is gone.", "headers": {"Set-Cookie": header("Set-Cookie")}}),
        )
        .fails(&["validation_failed", "last_admin", "user_in_use"])
        .hashes()
        .wants_proof()
}

pub(super) fn schema() -> (&'static str, Value) {
    ("PasswordAgain", shape::object(&[], &json!({"password": password()})))
}
