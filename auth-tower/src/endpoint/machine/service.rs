//! Service accounts and their keys, for administrators who are signed in: no key makes keys, of whomever.

use auth_core::machine::ServiceChange;
use http::StatusCode;
use serde_json::json;

use super::{
    document::{KeysDocument, MadeDocument, ServiceDocument, ServicesDocument, new_key, rotation},
    example,
    own::rotation_described,
};
use crate::{
    endpoint::{
        answer::{json, no_content},
        fields::{invalid, limit, object, optional_bool, optional_list, optional_text, texts_of},
    },
    openapi::{Operation, page_parameters},
    problem::Problem,
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const LIST: Route =
    Route::get(|call| Box::pin(list(call)), describe_list).open_to(Caller::Administrator);
pub(super) const CREATE: Route = Route::post(|call| Box::pin(create(call)), describe_create)
    .takes(Takes::Json)
    .open_to(Caller::Administrator)
    .on_proof();
pub(super) const SHOW: Route =
    Route::get(|call| Box::pin(show(call)), describe_show).open_to(Caller::Administrator);
pub(super) const CHANGE: Route = Route::patch(|call| Box::pin(change(call)), describe_change)
    .takes(Takes::Json)
    .open_to(Caller::Administrator)
    .on_proof();
pub(super) const DELETE: Route =
    Route::delete(|call| Box::pin(delete(call)), describe_delete).open_to(Caller::Administrator).on_proof();
pub(super) const LIST_KEYS: Route =
    Route::get(|call| Box::pin(list_keys(call)), describe_list_keys).open_to(Caller::Administrator);
pub(super) const CREATE_KEY: Route = Route::post(|call| Box::pin(create_key(call)), describe_create_key)
    .takes(Takes::Json)
    .open_to(Caller::Administrator)
    .on_proof();
pub(super) const END_KEY: Route =
    Route::delete(|call| Box::pin(end_key(call)), describe_end_key).open_to(Caller::Administrator).on_proof();
pub(super) const ROTATE_KEY: Route = Route::post(|call| Box::pin(rotate_key(call)), describe_rotate_key)
    .takes(Takes::Json)
    .open_to(Caller::Administrator)
    .on_proof();

/// `GET /service-accounts?limit=&cursor=`.
async fn list(call: Call) -> Answered {
    let query = call.query()?;
    let after = query.get("cursor").map(|cursor| cursor.parse()).transpose();
    let after =
        after.map_err(|_| invalid("cursor", "invalid_cursor", "the cursor is none of a page before"))?;
    let page = call.service.machines()?.services(after, limit(&query)?).await?;
    let document = ServicesDocument {
        service_accounts: page.services.iter().map(ServiceDocument::of).collect(),
        next_cursor: page.next.map(|next| next.to_string()),
    };
    Ok(json(StatusCode::OK, &document))
}

fn describe_list(_: &Inner) -> Operation {
    page_parameters()
        .into_iter()
        .fold(Operation::new("service_accounts", "List service accounts"), Operation::parameter)
        .answers_with(200, "A page, in the order in which they came.", "ServiceAccountPage")
        .fails(&["validation_failed"])
}

/// `POST /service-accounts` `{"name", "roles"}`.
async fn create(call: Call) -> Answered {
    let mut object = object(call.payload)?;
    let roles = optional_list(&mut object, "roles").map_err(|error| Problem::validation(vec![error]))?;
    let [name] = texts_of(object, ["name"])?;
    let account =
        call.service.machines()?.create_service(&name, roles.unwrap_or_default(), call.client).await?;
    Ok(json(StatusCode::CREATED, &ServiceDocument::of(&account)))
}

fn describe_create(_: &Inner) -> Operation {
    Operation::new("create_service_account", "Make a service account")
        .describe("The account of a program: no address, no password, nothing to sign in with. It has keys.")
        .takes("NewServiceAccount", &json!({"name": "billing", "roles": ["editor"]}))
        .answers_with(201, "The account.", "ServiceAccount")
        .fails(&["validation_failed"])
}

/// `GET /service-accounts/{id}`.
async fn show(call: Call) -> Answered {
    let account = call.service.machines()?.service(call.id()?).await?;
    Ok(json(StatusCode::OK, &ServiceDocument::of(&account)))
}

fn describe_show(_: &Inner) -> Operation {
    of_one("service_account", "Show a service account").answers_with(200, "The account.", "ServiceAccount")
}

/// `PATCH /service-accounts/{id}` `{"name", "roles", "disabled"}`: what is given, at once or not at all.
async fn change(call: Call) -> Answered {
    let account = call.id()?;
    let mut object = object(call.payload)?;
    let (roles, disabled) = (optional_list(&mut object, "roles"), optional_bool(&mut object, "disabled"));
    let mut change = ServiceChange::default();
    (change.roles, change.disabled) = match (roles, disabled) {
        (Ok(roles), Ok(disabled)) => (roles, disabled),
        (roles, disabled) => {
            let errors = [roles.err(), disabled.err()].into_iter().flatten().collect();
            return Err(Problem::validation(errors).into());
        }
    };
    change.name = optional_text(&mut object, "name")?;
    let account = call.service.machines()?.change_service(account, change, call.client).await?;
    Ok(json(StatusCode::OK, &ServiceDocument::of(&account)))
}

fn describe_change(_: &Inner) -> Operation {
    of_one("change_service_account", "Change a service account, or keep it out")
        .describe("Other roles, or to be kept out, end its tokens; its keys have no more than it has.")
        .takes("ServiceAccountChange", &json!({"roles": ["editor"], "disabled": false}))
        .answers_with(200, "The account as it is now.", "ServiceAccount")
        .fails(&["validation_failed"])
}

/// `DELETE /service-accounts/{id}`.
async fn delete(call: Call) -> Answered {
    let account = call.id()?;
    call.service.machines()?.delete_service(account, call.client).await?;
    Ok(no_content())
}

fn describe_delete(_: &Inner) -> Operation {
    of_one("delete_service_account", "Delete a service account").answers(204, "It is gone, with its keys.")
}

/// `GET /service-accounts/{id}/api-keys`.
async fn list_keys(call: Call) -> Answered {
    let keys = call.service.machines()?.service_keys(call.id()?).await?;
    Ok(json(StatusCode::OK, &KeysDocument::of(&keys)))
}

fn describe_list_keys(_: &Inner) -> Operation {
    of_one("service_api_keys", "The keys of a service account").answers_with(
        200,
        "Those that are not over, the newest first.",
        "ApiKeys",
    )
}

/// `POST /service-accounts/{id}/api-keys` `{"name", "scopes", "expires_in_days"}`.
async fn create_key(call: Call) -> Answered {
    let account = call.id()?;
    let new = new_key(call.payload)?;
    let made = call.service.machines()?.create_service_key(account, new, call.client).await?;
    Ok(json(StatusCode::CREATED, &MadeDocument::of(&made)))
}

fn describe_create_key(_: &Inner) -> Operation {
    of_one("create_service_api_key", "Make a key for a service account")
        .describe(
            "The scopes `introspect` and `events` are for service accounts only. The key is told this once.",
        )
        .takes("NewApiKey", &example())
        .answers_with(201, "The key.", "MadeApiKey")
        .fails(&["validation_failed", "api_key_limit"])
}

/// `DELETE /api-keys/{id}`: of a person or of a service account.
async fn end_key(call: Call) -> Answered {
    let key = call.id()?;
    call.service.machines()?.end_any_key(key, call.client).await?;
    Ok(no_content())
}

fn describe_end_key(_: &Inner) -> Operation {
    of_one("end_any_api_key", "End any API key")
        .describe("Of a person or of a service account: where one was found that is not to be known.")
        .answers(204, "It is over.")
}

/// `POST /api-keys/{id}/rotate` `{"overlap_hours"}`, of a service account.
async fn rotate_key(call: Call) -> Answered {
    let rotate = rotation(call.id()?, call.payload)?;
    let made = call.service.machines()?.rotate_service_key(rotate, call.client).await?;
    Ok(json(StatusCode::CREATED, &MadeDocument::of(&made)))
}

fn describe_rotate_key(_: &Inner) -> Operation {
    rotation_described("rotate_service_api_key", "Put a new key in the place of one of a service account")
}

fn of_one(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).fails(&["not_found"])
}
