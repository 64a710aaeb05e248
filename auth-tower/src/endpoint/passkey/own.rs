//! The passkeys of who is signed in.

use auth_core::{Password, factor::Passkey};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::options;
use crate::{
    endpoint::{
        answer::json,
        fields::{credential, object, optional_text, texts},
    },
    openapi::Operation,
    rfc3339,
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const LIST: Route = Route::get(|call| Box::pin(list(call)), describe_list).open_to(Caller::Bearer);
pub(super) const OPTIONS: Route =
    Route::post(|call| Box::pin(begin(call)), describe_options).open_to(Caller::Bearer);
pub(super) const REGISTER: Route = Route::post(|call| Box::pin(register(call)), describe_register)
    .takes(Takes::Json)
    .open_to(Caller::Bearer);
pub(super) const RENAME: Route =
    Route::patch(|call| Box::pin(rename(call)), describe_rename).takes(Takes::Json).open_to(Caller::Bearer);
pub(super) const REMOVE: Route =
    Route::delete(|call| Box::pin(remove(call)), describe_remove).open_to(Caller::Bearer);
pub(super) const STEP_UP_OPTIONS: Route =
    Route::post(|call| Box::pin(begin_step_up(call)), describe_step_up).open_to(Caller::Bearer);

/// A passkey as its owner sees it.
#[derive(Serialize)]
pub(in crate::endpoint) struct PasskeyDocument {
    id: String,
    name: String,
    provider: Option<&'static str>,
    created_at: String,
    last_used_at: Option<String>,
    backed_up: bool,
    transports: Vec<String>,
}

impl PasskeyDocument {
    pub(in crate::endpoint) fn of(passkey: Passkey) -> Self {
        Self {
            id: passkey.id.to_string(),
            name: passkey.name,
            provider: passkey.provider,
            created_at: rfc3339(passkey.created_at),
            last_used_at: passkey.last_used_at.map(rfc3339),
            backed_up: passkey.backed_up,
            transports: passkey.transports,
        }
    }
}

#[derive(Serialize)]
struct PasskeysDocument {
    passkeys: Vec<PasskeyDocument>,
}

/// `GET /users/me/passkeys`: the oldest first.
async fn list(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let passkeys = call.service.passkeys()?.list(&caller).await?;
    let passkeys = passkeys.into_iter().map(PasskeyDocument::of).collect();
    Ok(json(StatusCode::OK, &PasskeysDocument { passkeys }))
}

fn describe_list(_: &Inner) -> Operation {
    Operation::new("passkeys", "My passkeys").answers_with(200, "The oldest first.", "Passkeys")
}

/// `POST /users/me/passkeys/options`.
async fn begin(mut call: Call) -> Answered {
    let caller = call.caller()?;
    options(&call.service.passkeys()?.begin_registration(&caller).await?)
}

fn describe_options(_: &Inner) -> Operation {
    Operation::new("begin_passkey", "Make a passkey: begin")
        .answers_with(200, "For `navigator.credentials.create`.", "PasskeyOptions")
        .fails(&["verification_needed"])
        .wants_proof()
}

#[derive(Serialize)]
struct AddedDocument<'a> {
    #[serde(flatten)]
    passkey: PasskeyDocument,
    /// Where it is the first factor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recovery_codes: Vec<&'a str>,
}

/// `POST /users/me/passkeys` `{"credential", "name"}`.
async fn register(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let mut object = object(call.payload)?;
    let (made, name) = (credential(&mut object)?, optional_text(&mut object, "name")?);
    let client = call.client.actor(caller.user_id());
    let added = call.service.passkeys()?.register(&caller, made, name, client).await?;
    let document = AddedDocument {
        passkey: PasskeyDocument::of(added.passkey),
        recovery_codes: added.recovery_codes.iter().map(Password::expose).collect(),
    };
    Ok(json(StatusCode::CREATED, &document))
}

fn describe_register(_: &Inner) -> Operation {
    let example = json!({
        "credential": {"id": "AAE", "type": "public-key", "response": {}}, "name": "My telephone",
    });
    Operation::new("add_passkey", "Make a passkey")
        .describe(
            "With what `navigator.credentials.create` gave. Without a name it is called as what keeps it. The first factor of an \
             account comes with recovery codes: show them once.",
        )
        .takes("NewPasskey", &example)
        .answers_with(201, "It signs in from now on.", "PasskeyAdded")
        .fails(&["validation_failed", "too_many_passkeys", "verification_needed", "overloaded"])
        .wants_proof()
}

/// `PATCH /users/me/passkeys/{id}` `{"name"}`.
async fn rename(mut call: Call) -> Answered {
    let (caller, id) = (call.caller()?, call.id()?);
    let [name] = texts(call.payload, ["name"])?;
    let renamed = call.service.passkeys()?.rename(&caller, id, name).await?;
    Ok(json(StatusCode::OK, &PasskeyDocument::of(renamed)))
}

fn describe_rename(_: &Inner) -> Operation {
    Operation::new("rename_passkey", "Call a passkey by another name")
        .takes("PasskeyName", &json!({"name": "My telephone"}))
        .answers_with(200, "As it is called now.", "Passkey")
        .fails(&["validation_failed", "not_found"])
}

#[derive(Serialize)]
struct SignalDocument {
    signal: Signal,
}

/// As `PublicKeyCredential.signalAllAcceptedCredentials` takes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signal {
    rp_id: String,
    user_id: String,
    all_accepted_credential_ids: Vec<String>,
}

/// `DELETE /users/me/passkeys/{id}`: never the last way in.
async fn remove(mut call: Call) -> Answered {
    let (caller, id) = (call.caller()?, call.id()?);
    let client = call.client.actor(caller.user_id());
    let left = call.service.passkeys()?.remove(&caller, id, client).await?;
    let signal = Signal {
        rp_id: left.rp_id,
        user_id: left.user_id,
        all_accepted_credential_ids: left.all_accepted_credential_ids,
    };
    Ok(json(StatusCode::OK, &SignalDocument { signal }))
}

fn describe_remove(_: &Inner) -> Operation {
    Operation::new("remove_passkey", "Take a passkey away")
        .describe("With the last factor the recovery codes go too.")
        .answers_with(
            200,
            "It signs in nobody any more. Give `signal` to `PublicKeyCredential.signalAllAcceptedCredentials`, so that the browser \
             offers it no longer.",
            "PasskeySignal",
        )
        .fails(&["not_found", "last_way_in", "factor_required"])
        .wants_proof()
}

/// `POST /step-up/options`.
async fn begin_step_up(mut call: Call) -> Answered {
    let caller = call.caller()?;
    options(&call.service.passkeys()?.begin_step_up(&caller).await?)
}

fn describe_step_up(_: &Inner) -> Operation {
    Operation::new("begin_step_up", "Show again who I am: with a passkey").answers_with(
        200,
        "For `navigator.credentials.get`; then `POST /step-up`.",
        "PasskeyOptions",
    )
}
