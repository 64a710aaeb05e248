use serde_json::{Value, json};

use crate::{
    endpoint::{answer::no_content, fields::texts},
    openapi::{
        Operation,
        shape::{new_password, object, password},
    },
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route =
    Route::post(|call| Box::pin(change_password(call)), describe).takes(Takes::Json).open_to(Caller::Bearer);

pub(super) const REMOVE: Route =
    Route::delete(|call| Box::pin(remove_password(call)), describe_removal).open_to(Caller::Bearer);

/// `POST /users/me/password`.
async fn change_password(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let [current, new] = texts(call.payload, ["current_password", "new_password"])?;
    let client = call.client.actor(caller.user_id());
    call.service.auth.change_password(&caller, current, new, client).await?;
    Ok(no_content())
}

fn describe(_: &Inner) -> Operation {
    let example = json!({"current_password": "correct horse battery", "new_password": "staple by staple"});
    Operation::new("change_password", "Choose a new password")
        .describe("All other sessions end.")
        .takes("PasswordChange", &example)
        .answers(204, "It is changed.")
        .fails(&["validation_failed"])
        .hashes()
        .wants_proof()
}

/// `DELETE /users/me/password`: an account that is signed in to by other means alone.
async fn remove_password(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let client = call.client.actor(caller.user_id());
    call.service.auth.remove_password(&caller, client).await?;
    Ok(no_content())
}

fn describe_removal(_: &Inner) -> Operation {
    Operation::new("remove_password", "Have no password any more")
        .describe(
            "Never the last way in: there has to be a passkey, or an account elsewhere to sign in with.",
        )
        .answers(204, "There is none.")
        .fails(&["last_way_in"])
        .wants_proof()
}

pub(super) fn schema(service: &Inner) -> (&'static str, Value) {
    let members = json!({"current_password": password(), "new_password": new_password(service)});
    ("PasswordChange", object(&["current_password", "new_password"], &members))
}
