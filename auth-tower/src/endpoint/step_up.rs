//! Showing again who one is, in a session that goes on.

use auth_core::factor::StepUp;
use serde_json::json;

use super::{
    Doors,
    answer::access_token,
    factor::method,
    fields::{credential, object, optional_text, texts_of},
};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{self, password, text},
    },
    route::{Address, Answered, Caller, Endpoint, Route, Takes},
    service::{Call, Inner},
};

impl Endpoint {
    /// `POST /step-up`
    pub const STEP_UP: Self = Self(&Address::new(
        "/step-up",
        &[Route::post(|call| Box::pin(step_up(call)), describe).takes(Takes::Json).open_to(Caller::Bearer)],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::STEP_UP],
    schemas: |_| {
        let members = json!({
            "method": {"type": "string", "enum": ["password", "totp", "recovery_code", "passkey"]},
            "password": password(),
            "code": text(),
            "credential": shape::credential(),
        });
        vec![("StepUp", shape::object(&["method"], &members))]
    },
    ..Doors::tagged(Tag::ACCOUNT)
};

/// `POST /step-up` `{"method", "password", "code" or "credential"}`: for what asks for recent proof.
async fn step_up(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let mut object = object(call.payload)?;
    let name = optional_text(&mut object, "method")?.unwrap_or_default();
    let by = if name == "password" {
        let [password] = texts_of(object, ["password"])?;
        StepUp::Password(password.into())
    } else if name == "passkey" {
        StepUp::Code(method(&name)?, credential(&mut object)?.into())
    } else {
        let method = method(&name)?;
        let [code] = texts_of(object, ["code"])?;
        StepUp::Code(method, code.into())
    };
    let client = call.client.actor(caller.user_id());
    let stepped = call.service.auth.step_up(&caller, by, client).await?;
    Ok(access_token(&stepped.access, stepped.access_expires_in, &[]))
}

fn describe(_: &Inner) -> Operation {
    Operation::new("step_up", "Show again who I am")
        .describe(
            "After `insufficient_user_authentication`. An account with a second factor does it by that, any other by its password. \
             The session goes on, and its cookie stays.",
        )
        .takes("StepUp", &json!({"method": "password", "password": "correct horse battery"}))
        .answers_with(200, "An access token of the same session, with a fresh `auth_time`.", "Token")
        .fails(&["validation_failed", "factor_locked", "second_factor_enrolment_required"])
        .hashes()
        // Of an account without a password: a new sign-in is what it takes.
        .wants_proof()
}
