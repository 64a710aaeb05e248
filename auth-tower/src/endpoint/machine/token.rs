//! Tokens of service accounts, and the end of any token.

use auth_core::{
    Error, UserId,
    machine::{INVALID_SCOPE, ServiceToken, UNAUTHORIZED_CLIENT},
};
use http::{HeaderValue, Response, StatusCode, header::PRAGMA};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::{Client, Form, form};
use crate::{
    Body,
    endpoint::answer::json,
    openapi::{
        Operation,
        shape::{closed, constant, form_object, one_of, reference, text},
    },
    problem::Problem,
    route::{Answered, Route, Takes},
    service::{Call, Inner, Refusal},
};

pub(super) const ISSUE: Route =
    Route::post(|call| Box::pin(issue(call)), describe_issue).takes(Takes::JsonOrForm);
pub(super) const REVOKE: Route =
    Route::post(|call| Box::pin(revoke(call)), describe_revoke).takes(Takes::JsonOrForm);

#[derive(Serialize)]
struct TokenDocument<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
}

/// `POST /oauth/token` (RFC 6749 section 4.4): a service account shows its key and gets a token for other services. Neither a
/// cookie nor a refresh token.
async fn issue(call: Call) -> Answered {
    let headers = call.headers().clone();
    let mut form = form(call.payload)?;
    let client = Client::of(&headers, &mut form)?;
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => {
            let detail = "The only grant type here is client_credentials.";
            return Err(Problem::unsupported_grant_type(detail).into());
        }
        None => return Err(Problem::malformed("The grant type is missing.").into()),
    }
    let (account, key, basic) = match client {
        Client::Nobody => return Err(Problem::invalid_client(false).into()),
        Client::Bearer(key) => (None, key, false),
        Client::Credentials { id, secret, basic } => {
            let account: UserId = id.parse().map_err(|_| Problem::invalid_client(basic))?;
            (Some(account), secret, basic)
        }
    };
    let machines = call.service.machines()?;
    let scope = form.get("scope").map(String::as_str);
    let issued = machines.token(&key, account, scope, &call.client).await;
    Ok(issued_document(&issued.map_err(|error| refused(error, basic))?))
}

fn refused(error: Error, basic: bool) -> Refusal {
    match error {
        Error::InvalidToken => Problem::invalid_client(basic).into(),
        Error::Refused(refusal @ (UNAUTHORIZED_CLIENT | INVALID_SCOPE)) => {
            Problem::oauth(refusal.code, refusal.text).into()
        }
        error => error.into(),
    }
}

fn issued_document(token: &ServiceToken) -> Response<Body> {
    let document = TokenDocument {
        access_token: token.access.expose(),
        token_type: "bearer",
        expires_in: token.expires_in.as_secs(),
        scope: token.scopes.join(" "),
    };
    let mut response = json(StatusCode::OK, &document);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

fn describe_issue(_: &Inner) -> Operation {
    let example = json!({"grant_type": "client_credentials", "scope": "read:todos"});
    Operation::new("token", "Get a token for a key")
        .describe(
            "For service accounts (RFC 6749 section 4.4): `Authorization: Basic` of account id and key, both in the form, or the key \
             as a bearer token. The token is one of no session: other services verify it without asking here.",
        )
        .secured_by(json!([{"client": []}, {"api_key": []}, {}]))
        .body(true, &bodies("TokenForm", &example))
        .answers_with(200, "Good for as long as other access tokens are, and no longer than the key.", "ServiceToken")
        .fails(&["malformed_request", "invalid_client", "invalid_token", "unauthorized_client", "invalid_scope"])
        .fails(&["throttled", "session_required"])
        .needs_the_database()
}

/// `POST /oauth/revoke` (RFC 7009): whoever has a token may end it, and nobody else can name it.
async fn revoke(call: Call) -> Answered {
    let token = token_of(&mut form(call.payload)?)?;
    call.service.machines()?.revoke(&token, call.client).await?;
    Ok(json(StatusCode::OK, &json!({})))
}

fn describe_revoke(_: &Inner) -> Operation {
    Operation::new("revoke", "End a token")
        .describe(
            "RFC 7009. With a refresh or an access token its session ends; so does the token of a service account, or an API key. Whoever \
             has it may; other credentials are not looked at. One that is no good is over already.",
        )
        .body(true, &bodies("TokenToLookAt", &json!({"token": "ak_…"})))
        .answer(200, json!({"description": "It is over.", "content": {"application/json": {"schema": {"type": "object", "additionalProperties": false}}}}))
        .fails(&["malformed_request", "throttled"])
        .needs_the_database()
}

/// The token that is asked about. Of what kind it is need not be told.
pub(super) fn token_of(form: &mut Form) -> Result<String, Problem> {
    form.remove("token").ok_or_else(|| Problem::malformed("The token is missing."))
}

/// A form, or the same as JSON.
pub(super) fn bodies(schema: &str, example: &Value) -> Value {
    json!({
        "application/x-www-form-urlencoded": {"schema": reference(schema), "example": example},
        "multipart/form-data": {"schema": reference(schema)},
        "application/json": {"schema": reference(schema), "example": example},
    })
}

pub(super) fn schemas() -> [(&'static str, Value); 3] {
    let fields = form_object(
        &["grant_type"],
        &json!({
            "grant_type": one_of(["client_credentials"]),
            "scope": {"type": "string", "description": "Some of what the key is for, with spaces between. Default: all."},
            "client_id": {"type": "string", "description": "The id of the account, where it is not in a header."},
            "client_secret": {"type": "string", "format": "password", "description": "Its key."},
        }),
    );
    let token = closed(&json!({
        "access_token": text(),
        "token_type": constant("bearer"),
        "expires_in": {"type": "integer", "minimum": 0, "description": "Seconds."},
        "scope": {"type": "string", "description": "With spaces between."},
    }));
    let asked = form_object(
        &["token"],
        &json!({
            "token": {"type": "string", "minLength": 1},
            "token_type_hint": {"type": "string", "description": "Is not needed, and not read."},
            "client_id": text(),
            "client_secret": {"type": "string", "format": "password"},
        }),
    );
    [("TokenForm", fields), ("ServiceToken", token), ("TokenToLookAt", asked)]
}
