use std::collections::BTreeMap;

use auth_core::{Error, Login, RefreshToken, SignIn};
use http::HeaderMap;
use serde_json::{Value, json};

use super::tokens_described;
use crate::{
    endpoint::signed_in,
    openapi::{
        Operation,
        shape::{form_object, object, one_of, password, reference, text},
    },
    problem::Problem,
    route::{Answered, Route, Takes},
    service::{Call, Inner, Json, Object, Payload},
};

pub(super) const ROUTE: Route = Route::post(|call| Box::pin(login(call)), describe).takes(Takes::JsonOrForm);

/// `POST /login`: the OAuth 2 password form (RFC 6749 section 4.3.2) or JSON.
async fn login(call: Call) -> Answered {
    let held = held(&call.service, call.headers());
    let (identifier, password) = match call.payload {
        Payload::Form(form) => from_form(form)?,
        Payload::Json(Json::Object(object)) => from_json(object)?,
        Payload::Json(_) | Payload::Nothing => return Err(missing().into()),
    };
    let sign_in = sign_in(&call.service, Login::new(identifier, password).client(call.client), held).await?;
    signed_in::answer(&call.service, sign_in, None)
}

/// No two sessions in one jar: a new one takes the place of the one that the jar holds.
pub(crate) fn held(service: &Inner, headers: &HeaderMap) -> Option<RefreshToken> {
    service.cookies.refresh.read_one(headers).map(Into::into)
}

/// By address, or user name, and password, whoever shows the form.
pub(crate) async fn sign_in(
    service: &Inner,
    login: Login,
    held: Option<RefreshToken>,
) -> Result<SignIn, Error> {
    let login = match held {
        Some(token) => login.replacing(token),
        None => login,
    };
    service.auth.login(login).await
}

fn missing() -> Problem {
    Problem::malformed("A user name and a password are needed, each once.")
}

fn from_form(mut form: BTreeMap<String, String>) -> Result<(String, String), Problem> {
    if form.get("grant_type").is_some_and(|grant| grant != "password") {
        return Err(Problem::unsupported_grant_type("The only grant type here is password."));
    }
    form.remove("username").zip(form.remove("password")).ok_or_else(missing)
}

fn from_json(mut object: Object) -> Result<(String, String), Problem> {
    match (object.remove("email"), object.remove("username"), object.remove("password")) {
        (Some(Json::Text(identifier)), None, Some(Json::Text(password)))
        | (None, Some(Json::Text(identifier)), Some(Json::Text(password))) => Ok((identifier, password)),
        _ => Err(missing()),
    }
}

fn describe(service: &Inner) -> Operation {
    Operation::new("login", "Sign in")
        .describe(
            "By the OAuth 2 password form (RFC 6749 section 4.3.2), also as multipart/form-data, or JSON, where `email` may be called \
             `username`; where there are user names, either is taken. A live refresh cookie that comes along is of a session that ends with this.",
        )
        .body(
            true,
            &json!({
                "application/x-www-form-urlencoded": {
                    "schema": reference("PasswordForm"),
                    "example": {
                        "grant_type": "password", "username": "ada@example.com", "password": "correct horse battery",
                    },
                },
                "multipart/form-data": {"schema": reference("PasswordForm")},
                "application/json": {
                    "schema": reference("Credentials"),
                    "example": {"email": "ada@example.com", "password": "correct horse battery"},
                },
            }),
        )
        .answer(200, tokens_described())
        .fails(&["invalid_credentials"])
        .fails(signed_in::CODES)
        .asks_the_host(service)
        .hashes()
        .needs_the_database()
}

pub(super) fn schemas() -> [(&'static str, Value); 2] {
    let fields = form_object(
        &["username", "password"],
        &json!({
            "grant_type": one_of(["password"]),
            "username": {"type": "string", "minLength": 1, "description": "The e-mail address; or the user name, where there are such."},
            "password": {"type": "string", "format": "password", "minLength": 1},
            "scope": {"type": "string", "description": "Is ignored."},
        }),
    );
    // No choice between members that have to be there: generators of clients make nothing of one.
    let credentials = object(&["email", "password"], &json!({"email": text(), "password": password()}));
    [("PasswordForm", fields), ("Credentials", credentials)]
}
