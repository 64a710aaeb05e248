//! What somebody who is signed in has, sets up, and takes away.

use auth_core::Password;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::{
    device::{self, DeviceDocument},
    setup,
};
use crate::{
    endpoint::{
        answer::{access_token, json, no_content},
        fields::texts,
        passkey::PasskeyDocument,
    },
    openapi::Operation,
    rfc3339,
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const LIST: Route = Route::get(|call| Box::pin(list(call)), describe_list).open_to(Caller::Bearer);
pub(super) const BEGIN: Route =
    Route::post(|call| Box::pin(begin(call)), describe_begin).takes(Takes::Json).open_to(Caller::Bearer);
pub(super) const REMOVE: Route =
    Route::delete(|call| Box::pin(remove(call)), describe_remove).open_to(Caller::Bearer);
pub(super) const CONFIRM: Route =
    Route::post(|call| Box::pin(confirm(call)), describe_confirm).takes(Takes::Json).open_to(Caller::Bearer);
pub(super) const RECOVERY_CODES: Route =
    Route::post(|call| Box::pin(recovery_codes(call)), describe_recovery_codes)
        .takes(Takes::Json)
        .open_to(Caller::Bearer);

#[derive(Serialize)]
struct FactorsDocument {
    second_factor: &'static str,
    totp: Option<TotpDocument>,
    locked: bool,
    recovery_codes_left: u64,
    passkeys: Vec<PasskeyDocument>,
    devices: Vec<DeviceDocument>,
}

#[derive(Serialize)]
struct TotpDocument {
    created_at: String,
}

/// `GET /users/me/factors`.
async fn list(mut call: Call) -> Answered {
    let (caller, auth) = (call.caller()?, &call.service.auth);
    let Some(factors) = auth.factors() else {
        auth.verify_session(&caller).await?;
        let passkeys = match auth.passkeys() {
            Some(passkeys) => passkeys.list(&caller).await?,
            None => Vec::new(),
        };
        let passkeys = passkeys.into_iter().map(PasskeyDocument::of).collect();
        return Ok(json(StatusCode::OK, &FactorsDocument { passkeys, ..FactorsDocument::OFF }));
    };
    let found = factors.list(&caller).await?;
    let document = FactorsDocument {
        second_factor: if found.is_required { "required" } else { "optional" },
        totp: found.totp.map(|since| TotpDocument { created_at: rfc3339(since) }),
        locked: found.is_locked,
        recovery_codes_left: found.recovery_codes_left,
        passkeys: found.passkeys.into_iter().map(PasskeyDocument::of).collect(),
        devices: device::of_caller(&factors, &caller, &call.client).await?,
    };
    Ok(json(StatusCode::OK, &document))
}

impl FactorsDocument {
    /// Whatever an account has: none of it is asked for.
    const OFF: Self = Self {
        second_factor: "off",
        totp: None,
        locked: false,
        recovery_codes_left: 0,
        passkeys: Vec::new(),
        devices: Vec::new(),
    };
}

fn describe_list(_: &Inner) -> Operation {
    Operation::new("factors", "My second factors").answers_with(200, "What there is.", "Factors")
}

/// `POST /users/me/totp`: nothing is asked for until a code is confirmed.
async fn begin(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let begun = call.service.factors()?.begin_totp(&caller).await?;
    Ok(setup(StatusCode::CREATED, &begun)?)
}

fn describe_begin(_: &Inner) -> Operation {
    Operation::new("begin_totp", "Set an authenticator app up")
        .describe("It is asked for at sign-ins once a code of it is confirmed, within an hour.")
        .answers_with(201, "What the app is given.", "TotpSetup")
        .fails(&["totp_exists", "verification_needed"])
        .wants_proof()
}

/// `POST /users/me/totp/confirm` `{"code"}`.
async fn confirm(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let [code] = texts(call.payload, ["code"])?;
    let client = call.client.actor(caller.user_id());
    let added = call.service.factors()?.confirm_totp(&caller, code, client).await?;
    Ok(access_token(&added.access, added.access_expires_in, &added.recovery_codes))
}

fn describe_confirm(_: &Inner) -> Operation {
    Operation::new("confirm_totp", "Confirm an authenticator app")
        .describe("By its first code. Show the recovery codes once: each signs in in the place of a code of the app.")
        .takes("TotpConfirmation", &json!({"code": "123456"}))
        .answers_with(200, "It is asked for from now on.", "TokenWithCodes")
        .fails(&["validation_failed", "factor_locked"])
        .wants_proof()
        .hashes()
}

/// `DELETE /users/me/totp`.
async fn remove(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let client = call.client.actor(caller.user_id());
    call.service.factors()?.remove_totp(&caller, client).await?;
    Ok(no_content())
}

fn describe_remove(_: &Inner) -> Operation {
    Operation::new("remove_totp", "Remove the authenticator app")
        .answers(204, "It is gone, and the recovery codes with it.")
        .fails(&["not_found", "factor_required"])
        .wants_proof()
}

#[derive(Serialize)]
struct CodesDocument<'a> {
    recovery_codes: Vec<&'a str>,
}

/// `POST /users/me/recovery-codes`.
async fn recovery_codes(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let client = call.client.actor(caller.user_id());
    let codes = call.service.factors()?.new_recovery_codes(&caller, client).await?;
    let recovery_codes = codes.iter().map(Password::expose).collect();
    Ok(json(StatusCode::CREATED, &CodesDocument { recovery_codes }))
}

fn describe_recovery_codes(_: &Inner) -> Operation {
    Operation::new("make_recovery_codes", "Make new recovery codes")
        .answers_with(201, "To be shown once. The old ones work no longer.", "RecoveryCodes")
        .fails(&["not_found", "overloaded"])
        .wants_proof()
}
