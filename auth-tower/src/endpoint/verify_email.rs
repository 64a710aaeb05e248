//! Proving an address by a link in a mail.

use std::mem;

use auth_core::{Auth, Carried, ClientInfo, Error, OneTimeToken, RefreshToken, User};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{
    Doors,
    answer::{accepted, json},
    document::UserDocument,
    fields::texts,
};
use crate::{
    authenticate::authenticate,
    openapi::{
        Operation, Tag,
        shape::{object, token},
    },
    page,
    route::{Address, Answered, Endpoint, Route, Takes},
    service::{Call, Inner, Payload},
};

const PAGE: page::Words = page::Words {
    title: "Confirm your address",
    told: "One click, and it is done.",
    button: "Confirm the address",
    done: "Thank you: the address is confirmed.",
    refused: "This link was used already, or is too old. Ask for a new one.",
    conflict: "This address has got an account of its own meanwhile.",
};

impl Endpoint {
    /// `POST /request-verify-token`; needs a mailer
    pub const REQUEST_VERIFY_TOKEN: Self = Self(&Address::new(
        "/request-verify-token",
        &[Route::post(|call| Box::pin(request_verify_token(call)), describe_request).takes(Takes::Json)],
    ));
    /// `POST /verify-email`, and the built-in page by `GET`; needs a mailer
    pub const VERIFY_EMAIL: Self = Self(&Address::new(
        "/verify-email",
        &[
            Route::get(|call| page::button(&call, "/verify", &PAGE), describe_page),
            Route::post(|call| Box::pin(verify_email(call)), describe_verify_email).takes(Takes::Json),
        ],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::REQUEST_VERIFY_TOKEN, Endpoint::VERIFY_EMAIL],
    open: Auth::sends_mail,
    schemas: |_| vec![("OneTimeToken", object(&["token"], &json!({"token": token()})))],
    ..Doors::tagged(Tag::MAIL)
};

/// `POST /request-verify-token`.
async fn request_verify_token(call: Call) -> Answered {
    let [email] = texts(call.payload, ["email"])?;
    call.service.auth.request_email_verification(email, call.client).await?;
    Ok(accepted())
}

fn describe_request(_: &Inner) -> Operation {
    page::describe_request("request_verify_token", "Ask for a link to prove an address")
}

fn describe_page(_: &Inner) -> Operation {
    page::describe("verify_email_page", "The page of a link to prove an address")
}

/// `POST /verify-email`: for the account's own address, and for a new one.
async fn verify_email(mut call: Call) -> Answered {
    let [token] = texts(mem::replace(&mut call.payload, Payload::Nothing), ["token"])?;
    let user = verify(&call.service, call.headers(), token, call.client.clone()).await?;
    Ok(json(StatusCode::OK, &UserDocument::of(&user)))
}

/// Whoever is signed in to the account shows that they are the one who made it; credentials that are no good show nothing, and are
/// no error.
pub(crate) async fn verify(
    service: &Inner,
    headers: &HeaderMap,
    token: String,
    client: ClientInfo,
) -> Result<User, Error> {
    let refresh = service.cookies.refresh.read(headers).into_iter().map(RefreshToken::from);
    let mut carried = refresh.fold(Carried::default(), Carried::refresh);
    if let Ok(Some(caller)) = authenticate(headers, &service.auth.verifier()) {
        carried = carried.caller(caller);
    }
    service.auth.verify_email_carrying(OneTimeToken::new(token), carried, client).await
}

fn describe_verify_email(_: &Inner) -> Operation {
    page::describe_link("verify_email", "Prove an address")
        .describe(
            "Where the first address of an account is proved by a request without a live session of it (refresh cookie or bearer \
             token), identities that were linked before are removed, and all sessions end if there were any.",
        )
        .secured_by(json!([{}, {"refresh_cookie": []}, {"bearer": []}, {"password": []}]))
        .takes("OneTimeToken", &json!({"token": "from the link"}))
        .answers_with(200, "The user, whose address is proved.", "User")
        .fails(&["email_taken"])
}
