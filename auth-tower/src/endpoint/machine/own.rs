//! The keys of whoever is signed in. No key gets here: none makes, lists or ends keys.

use http::StatusCode;
use serde_json::json;

use super::{
    document::{KeysDocument, MadeDocument, new_key, rotation},
    example,
};
use crate::{
    endpoint::answer::{json, no_content},
    openapi::{Operation, shape::reference},
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const LIST: Route = Route::get(|call| Box::pin(list(call)), describe_list).open_to(Caller::Bearer);
pub(super) const CREATE: Route =
    Route::post(|call| Box::pin(create(call)), describe_create).takes(Takes::Json).open_to(Caller::Bearer);
pub(super) const END: Route = Route::delete(|call| Box::pin(end(call)), describe_end).open_to(Caller::Bearer);
pub(super) const ROTATE: Route =
    Route::post(|call| Box::pin(rotate(call)), describe_rotate).takes(Takes::Json).open_to(Caller::Bearer);

/// `GET /users/me/api-keys`.
async fn list(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let keys = call.service.machines()?.keys(&caller).await?;
    Ok(json(StatusCode::OK, &KeysDocument::of(&keys)))
}

fn describe_list(_: &Inner) -> Operation {
    Operation::new("api_keys", "My API keys").answers_with(
        200,
        "Those that are not over, the newest first.",
        "ApiKeys",
    )
}

/// `POST /users/me/api-keys` `{"name", "scopes", "expires_in_days"}`.
async fn create(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let made = call.service.machines()?.create_key(&caller, new_key(call.payload)?, call.client).await?;
    Ok(json(StatusCode::CREATED, &MadeDocument::of(&made)))
}

fn describe_create(_: &Inner) -> Operation {
    Operation::new("create_api_key", "Make an API key")
        .describe("For a program that acts for me, with the roles that I have when it does. The key is told this once.")
        .takes("NewApiKey", &example())
        .answers_with(201, "The key.", "MadeApiKey")
        .fails(&["validation_failed", "verification_needed", "api_key_limit"])
        .wants_proof()
}

/// `DELETE /users/me/api-keys/{id}`. One that is somebody else's is as unknown as one that never was.
async fn end(mut call: Call) -> Answered {
    let (caller, key) = (call.caller()?, call.id()?);
    call.service.machines()?.end_key(&caller, key, call.client).await?;
    Ok(no_content())
}

fn describe_end(_: &Inner) -> Operation {
    Operation::new("end_api_key", "End an API key").answers(204, "It is over.").fails(&["not_found"])
}

/// `POST /users/me/api-keys/{id}/rotate` `{"overlap_hours"}`.
async fn rotate(mut call: Call) -> Answered {
    let (caller, key) = (call.caller()?, call.id()?);
    let rotate = rotation(key, call.payload)?;
    let made = call.service.machines()?.rotate_key(&caller, rotate, call.client).await?;
    Ok(json(StatusCode::CREATED, &MadeDocument::of(&made)))
}

fn describe_rotate(_: &Inner) -> Operation {
    rotation_described("rotate_api_key", "Put a new key in the place of one")
        .fails(&["verification_needed"])
        .wants_proof()
}

/// Of people's and of services' alike.
pub(super) fn rotation_described(id: &'static str, summary: &'static str) -> Operation {
    let content = json!({"application/json": {"schema": reference("ApiKeyRotation"), "example": {"overlap_hours": 24}}});
    Operation::new(id, summary)
        .describe("With the same name, scopes and lifetime. The old one goes on for the overlap.")
        .body(false, &content)
        .answers_with(201, "The new key.", "MadeApiKey")
        .fails(&["not_found", "validation_failed", "api_key_rotated"])
}
