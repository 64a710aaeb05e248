//! Passkeys: signing in with one, and those that an account has.

mod own;
mod sign_in;
mod well_known;

use auth_core::{Auth, PasskeyOptions, factor::Passkeys};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

pub(super) use self::own::PasskeyDocument;
use super::{Doors, answer};
use crate::{
    openapi::{
        Tag,
        shape::{closed, credential, id, list, nullable, object, perhaps, text, texts, time},
    },
    problem::Problem,
    route::{Address, Answered, Endpoint},
    service::Inner,
};

impl Endpoint {
    /// `POST /passkeys/options`; where there are passkeys
    pub const PASSKEY_OPTIONS: Self = Self(&Address::new("/passkeys/options", &[sign_in::OPTIONS]));
    /// `POST /passkeys/login`; where there are passkeys
    pub const PASSKEY_LOGIN: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/passkeys/login", &[sign_in::LOGIN]) });
    /// `POST /step-up/options`; where there are passkeys
    pub const STEP_UP_OPTIONS: Self = Self(&Address::new("/step-up/options", &[own::STEP_UP_OPTIONS]));
    /// `GET` and `POST /users/me/passkeys`; where there are passkeys
    pub const PASSKEYS: Self = Self(&Address::new("/users/me/passkeys", &[own::LIST, own::REGISTER]));
    /// `POST /users/me/passkeys/options`; where there are passkeys
    pub const PASSKEYS_OPTIONS: Self = Self(&Address::new("/users/me/passkeys/options", &[own::OPTIONS]));
    /// `PATCH` and `DELETE /users/me/passkeys/{id}`; where there are passkeys
    pub const PASSKEY: Self = Self(&Address::of_one("/users/me/passkeys/{id}", &[own::RENAME, own::REMOVE]));
    /// `GET /.well-known/webauthn`; where there are passkeys
    pub const RELATED_ORIGINS: Self =
        Self(&Address::new("/.well-known/webauthn", &[well_known::RELATED_ORIGINS]));
    /// `GET /.well-known/passkey-endpoints`; where there are passkeys
    pub const PASSKEY_ENDPOINTS: Self =
        Self(&Address::new("/.well-known/passkey-endpoints", &[well_known::PASSKEY_ENDPOINTS]));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[
        Endpoint::PASSKEY_OPTIONS,
        Endpoint::PASSKEY_LOGIN,
        Endpoint::STEP_UP_OPTIONS,
        Endpoint::PASSKEYS,
        Endpoint::PASSKEYS_OPTIONS,
        Endpoint::PASSKEY,
        Endpoint::RELATED_ORIGINS,
        Endpoint::PASSKEY_ENDPOINTS,
    ],
    open: |auth: &Auth| auth.passkeys().is_some(),
    schemas: |_| schemas(),
    codes: &[("too_many_passkeys", 409, "there are 20 passkeys already")],
    ..Doors::tagged(Tag {
        name: "Passkeys",
        description: "Signing in with a passkey (WebAuthn Level 3), and those that an account has.",
    })
};

impl Inner {
    fn passkeys(&self) -> Result<Passkeys, Problem> {
        self.auth.passkeys().ok_or_else(Problem::not_found)
    }
}

#[derive(Serialize)]
struct OptionsDocument {
    options: Value,
}

/// What a browser is given.
pub(super) fn options(options: &PasskeyOptions) -> Answered {
    let options = serde_json::from_str(options.json()).map_err(|_| Problem::internal())?;
    Ok(answer::json(StatusCode::OK, &OptionsDocument { options }))
}

fn schemas() -> Vec<(&'static str, Value)> {
    let name = json!({"type": "string", "minLength": 1, "maxLength": 64});
    let mut added = closed(&members());
    if let Some(members) = added.pointer_mut("/properties").and_then(Value::as_object_mut) {
        members.insert("recovery_codes".to_owned(), texts());
    }
    let signal = closed(&json!({"rpId": text(), "userId": text(), "allAcceptedCredentialIds": texts()}));
    vec![
        ("PasskeyLogin", object(&["credential"], &json!({"credential": credential()}))),
        ("NewPasskey", object(&["credential"], &json!({"credential": credential(), "name": name}))),
        ("PasskeyName", object(&["name"], &json!({"name": name}))),
        ("PasskeyAdded", added),
        ("Passkeys", closed(&json!({"passkeys": list("Passkey")}))),
        ("PasskeySignal", closed(&json!({"signal": signal}))),
        ("RelatedOrigins", closed(&json!({"origins": texts()}))),
        ("PasskeyEndpoints", json!({"type": "object"})),
    ]
}

fn members() -> Value {
    json!({
        "id": id(),
        "name": text(),
        "provider": nullable(),
        "created_at": time(),
        "last_used_at": perhaps(&time()),
        "backed_up": {"type": "boolean"},
        "transports": texts(),
    })
}

/// Also where second factors are listed, or set up, and there are no passkeys.
pub(super) fn shared_schemas() -> [(&'static str, Value); 2] {
    let options = json!({
        "type": "object",
        "description": "For `parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON` (WebAuthn Level 3); good for five minutes.",
    });
    [("Passkey", closed(&members())), ("PasskeyOptions", closed(&json!({"options": options})))]
}
