//! Another address for an account, and a link in a mail that stops it.

use auth_core::{Auth, OneTimeToken};
use serde_json::json;

use super::{
    Doors,
    answer::{accepted, no_content},
    fields::{object, optional_password, texts, texts_of},
};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{self, email, password},
    },
    page,
    route::{Address, Answered, Caller, Endpoint, Route, Takes},
    service::{Call, Inner},
};

const STOP_PAGE: page::Words = page::Words {
    title: "Stop the change of your address",
    told: "The address of your account stays as it is, and everybody who is signed in to it is signed out.",
    button: "Stop the change",
    done: "The address stays as it is, and everybody is signed out. Choose a new password when you sign in again.",
    refused: "There is nothing to stop: the link was used already or is too old, or the address was changed before. If it was not \
              you, ask for help at once.",
    conflict: "It cannot be stopped now. Ask for help at once.",
};

impl Endpoint {
    /// `POST /users/me/email`; needs a mailer
    pub const CHANGE_EMAIL: Self = Self(&Address::new(
        "/users/me/email",
        &[Route::post(|call| Box::pin(change_email(call)), describe)
            .takes(Takes::Json)
            .open_to(Caller::Bearer)],
    ));
    /// `POST /stop-email-change`, and the built-in page by `GET`; needs a mailer
    pub const STOP_EMAIL_CHANGE: Self = Self(&Address::new(
        "/stop-email-change",
        &[
            Route::get(|call| page::button(&call, "/stop", &STOP_PAGE), describe_page),
            Route::post(|call| Box::pin(stop_email_change(call)), describe_stop).takes(Takes::Json),
        ],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::CHANGE_EMAIL, Endpoint::STOP_EMAIL_CHANGE],
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
        .describe(
            "Nothing changes until the link in the mail to the new address is followed; the old one gets a mail with a link \
             that stops it.",
        )
        .takes("EmailChange", &example)
        .answers(202, "A mail is on its way to the new address, and one to the old.")
        .fails(&["validation_failed"])
        .hashes()
        .wants_proof()
}

fn describe_page(_: &Inner) -> Operation {
    page::describe("stop_email_change_page", "The page of a link that stops a change of the address")
}

/// `POST /stop-email-change`.
async fn stop_email_change(call: Call) -> Answered {
    let [token] = texts(call.payload, ["token"])?;
    call.service.auth.stop_email_change(OneTimeToken::new(token), call.client).await?;
    Ok(no_content())
}

fn describe_stop(_: &Inner) -> Operation {
    page::describe_link("stop_email_change", "Stop a change of the address")
        .describe("For who reads mail at the old address. Every session ends.")
        .takes("OneTimeToken", &json!({"token": "from the link"}))
        .answers(204, "The address stays.")
}
