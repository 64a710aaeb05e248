//! Another address for an account.

use auth_core::Auth;
use serde_json::json;

use super::{
    Doors,
    answer::accepted,
    fields::{object, optional_password, texts_of},
};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{self, email, password},
    },
    route::{Address, Answered, Caller, Endpoint, Route, Takes},
    service::{Call, Inner},
};

impl Endpoint {
    /// `POST /users/me/email`; needs a mailer
    pub const CHANGE_EMAIL: Self = Self(&Address::new(
        "/users/me/email",
        &[Route::post(|call| Box::pin(change_email(call)), describe)
            .takes(Takes::Json)
            .open_to(Caller::Bearer)],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::CHANGE_EMAIL],
    open: Auth::sends_mail,
    schemas: |_| {
        let members = json!({"email": email(), "password": password()});
        vec![("EmailChange", shape::object(&["email"], &members))]
    },
    ..Doors::tagged(Tag::ACCOUNT)
};

/// `POST /users/me/email`: nothing changes until the link in the mail to the new address is followed.
async fn change_email(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let mut object = object(call.payload)?;
    let password = optional_password(&mut object)?;
    let [email] = texts_of(object, ["email"])?;
    let client = call.client.actor(caller.user_id());
    call.service.auth.request_email_change(&caller, email, password, client).await?;
    Ok(accepted())
}

fn describe(_: &Inner) -> Operation {
    let example = json!({"email": "ada@example.net", "password": "correct horse battery"});
    Operation::new("change_email", "Change the address")
        .describe("Nothing changes until the link in the mail to the new address is followed.")
        .takes("EmailChange", &example)
        .answers(202, "A mail is on its way to the new address.")
        .fails(&["validation_failed"])
        .hashes()
        .wants_proof()
}
