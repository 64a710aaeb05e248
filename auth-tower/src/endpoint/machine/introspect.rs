//! What a token is worth at this moment, for services that ask (RFC 7662).

use std::time::{SystemTime, UNIX_EPOCH};

use auth_core::{
    Caller, Principal, UserId,
    machine::{INTROSPECT_SCOPE, Introspection, TokenKind, is_key},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    client::{Client, form},
    token::{bodies, token_of},
};
use crate::{
    endpoint::answer::json,
    openapi::{
        Operation,
        shape::{id, object, text, texts},
    },
    problem::Problem,
    route::{Answered, Route, Takes},
    service::{Call, Inner, Refusal},
};

pub(super) const ROUTE: Route =
    Route::post(|call| Box::pin(introspect(call)), describe).takes(Takes::JsonOrForm);

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Inactive { active: bool },
    Active(Box<Active>),
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "RFC 7662's name")]
struct Active {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    sub: String,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    roles: Vec<String>,
    iss: String,
    aud: String,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
}

/// `POST /oauth/introspect`. What is not good is that, and nothing else is told of it.
async fn introspect(call: Call) -> Answered {
    let headers = call.headers().clone();
    let mut form = form(call.payload)?;
    let client = Client::of(&headers, &mut form)?;
    let asks = who_asks(&call.service, client, &call.client).await?;
    if asks.caller() != Caller::Service || !asks.has_scope(INTROSPECT_SCOPE) {
        return Err(Problem::forbidden().into());
    }
    let token = token_of(&mut form)?;
    let found = call.service.machines()?.introspect(&token).await?;
    let answer = match found {
        Some(found) => Answer::Active(Box::new(active(&call.service, found))),
        None => Answer::Inactive { active: false },
    };
    Ok(json(StatusCode::OK, &answer))
}

/// By a key in whatever form, or by the token that a service got for one.
async fn who_asks(
    service: &Inner,
    client: Client,
    from: &auth_core::ClientInfo,
) -> Result<Principal, Refusal> {
    let machines = service.machines()?;
    let (account, key, basic) = match client {
        Client::Nobody => return Err(Problem::invalid_client(false).into()),
        Client::Bearer(token) if !is_key(&token) => return Ok(service.verifier.verify_any(&token)?),
        Client::Bearer(key) => (None, key, None),
        Client::Credentials { id, secret, basic } => {
            let account: UserId = id.parse().map_err(|_| Problem::invalid_client(basic))?;
            (Some(account), secret, Some(basic))
        }
    };
    let verified = machines.verify(&key, from).await;
    match (verified, basic) {
        (Ok(caller), _) if account.is_none_or(|account| account == caller.user_id()) => Ok(caller),
        (Ok(_) | Err(auth_core::Error::InvalidToken), Some(basic)) => {
            Err(Problem::invalid_client(basic).into())
        }
        (Ok(_), None) => Err(Problem::invalid_token().into()),
        (Err(error), _) => Err(error.into()),
    }
}

fn active(service: &Inner, found: Introspection) -> Active {
    let tokens = &service.auth.config().tokens;
    let is_service = found.caller == Caller::Service;
    Active {
        active: true,
        token_type: (found.kind != TokenKind::Refresh).then_some("bearer"),
        sub: found.account.to_string(),
        username: found.username,
        sid: found.session.map(|session| session.to_string()),
        client_id: is_service.then(|| found.account.to_string()),
        key_id: found.key.map(|key| key.to_string()),
        scope: (!found.scopes.is_empty()).then(|| found.scopes.join(" ")),
        roles: found.roles,
        iss: tokens.issuer.clone(),
        aud: tokens.audience.clone(),
        iat: seconds(found.issued_at),
        exp: found.expires_at.map(seconds),
        auth_time: found.authenticated_at.map(seconds),
        acr: found.assurance.map(auth_core::Assurance::name),
        amr: found.methods,
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn describe(_: &Inner) -> Operation {
    Operation::new("introspect", "What a token is worth")
        .describe(
            "RFC 7662, for service accounts whose key has the scope `introspect`: an access token, a refresh token or an API key. Only \
             reads. Whatever is not good is `{\"active\": false}` and nothing else.",
        )
        .secured_by(json!([{"client": []}, {"api_key": []}, {}]))
        .body(true, &bodies("TokenToLookAt", &json!({"token": "eyJ…"})))
        .answers_with(200, "What is known of it.", "Introspection")
        .fails(&["malformed_request", "invalid_client", "invalid_token", "forbidden", "throttled"])
        .fails(&["session_required"])
        .needs_the_database()
}

pub(super) fn schema() -> (&'static str, Value) {
    let seconds = || json!({"type": "integer", "minimum": 0, "description": "Unix seconds."});
    let members = json!({
        "active": {"type": "boolean"},
        "token_type": text(),
        "sub": id(),
        "username": {"type": "string", "description": "The address of the user, or the name of the service account."},
        "sid": id(),
        "client_id": id(),
        "key_id": id(),
        "scope": text(),
        "roles": texts(),
        "iss": text(),
        "aud": text(),
        "iat": seconds(),
        "exp": seconds(),
        "auth_time": seconds(),
        "acr": text(),
        "amr": texts(),
    });
    ("Introspection", object(&["active"], &members))
}
