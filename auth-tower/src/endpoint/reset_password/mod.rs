//! Choosing a new password by a link in a mail.

use auth_core::{Auth, OneTimeToken};
use serde_json::{Value, json};

use super::{
    Doors,
    answer::{accepted, no_content},
    fields::texts,
};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{new_password, object, token},
    },
    page,
    route::{Address, Answered, Endpoint, Route, Takes},
    service::{Call, Inner},
};

impl Endpoint {
    /// `POST /forgot-password`; needs a mailer
    pub const FORGOT_PASSWORD: Self = Self(&Address::new(
        "/forgot-password",
        &[Route::post(|call| Box::pin(forgot_password(call)), describe_request).takes(Takes::Json)],
    ));
    /// `POST /reset-password`, and the built-in page by `GET`; needs a mailer
    pub const RESET_PASSWORD: Self = Self(&Address::new(
        "/reset-password",
        &[
            Route::get(|call| page::answer(&call, "/reset", include_str!("page.html")), describe_page),
            Route::post(|call| Box::pin(reset_password(call)), describe_reset_password).takes(Takes::Json),
        ],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::FORGOT_PASSWORD, Endpoint::RESET_PASSWORD],
    open: Auth::sends_mail,
    schemas,
    ..Doors::tagged(Tag::MAIL)
};

/// `POST /forgot-password`.
async fn forgot_password(call: Call) -> Answered {
    let [email] = texts(call.payload, ["email"])?;
    call.service.auth.forgot_password(email, call.client).await?;
    Ok(accepted())
}

fn describe_request(_: &Inner) -> Operation {
    page::describe_request("forgot_password", "Ask for a link to choose a new password")
}

fn describe_page(_: &Inner) -> Operation {
    page::describe("reset_password_page", "The page of a link to choose a new password")
}

/// `POST /reset-password`.
async fn reset_password(call: Call) -> Answered {
    let [token, password] = texts(call.payload, ["token", "password"])?;
    call.service.auth.reset_password(OneTimeToken::new(token), password, call.client).await?;
    Ok(no_content())
}

fn describe_reset_password(_: &Inner) -> Operation {
    page::describe_link("reset_password", "Choose a new password by a link")
        .describe("Every session ends.")
        .takes("PasswordReset", &json!({"token": "from the link", "password": "correct horse battery"}))
        .answers(204, "It is changed.")
        .hashes()
}

fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    let members = json!({"token": token(), "password": new_password(service)});
    vec![("PasswordReset", object(&["token", "password"], &members))]
}
