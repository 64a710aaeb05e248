//! Keys and service accounts as clients see them.

use auth_core::ApiKeyId;
use auth_core::machine::{ApiKey, MadeApiKey, NewApiKey, RotateApiKey, ServiceAccount};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    endpoint::fields::{object, optional_list, optional_number, texts_of},
    openapi::shape::{self, closed, constant, id, list, nullable, perhaps, text, texts, time, with},
    problem::Problem,
    rfc3339,
    service::{Inner, Payload},
};

#[derive(Serialize)]
pub(super) struct KeyDocument<'a> {
    #[serde(flatten)]
    key: About<'a>,
    last_used_at: Option<String>,
}

#[derive(Serialize)]
struct About<'a> {
    id: String,
    name: &'a str,
    scopes: &'a [String],
    hint: &'a str,
    created_at: String,
    expires_at: Option<String>,
}

impl<'a> About<'a> {
    fn of(key: &'a ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: &key.name,
            scopes: &key.scopes,
            hint: &key.hint,
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
        }
    }
}

impl<'a> KeyDocument<'a> {
    pub(super) fn of(key: &'a ApiKey) -> Self {
        Self { key: About::of(key), last_used_at: key.last_used_at.map(rfc3339) }
    }
}

#[derive(Serialize)]
pub(super) struct KeysDocument<'a> {
    pub(super) api_keys: Vec<KeyDocument<'a>>,
}

impl<'a> KeysDocument<'a> {
    pub(super) fn of(keys: &'a [ApiKey]) -> Self {
        Self { api_keys: keys.iter().map(KeyDocument::of).collect() }
    }
}

/// The only time that a key is told.
#[derive(Serialize)]
pub(super) struct MadeDocument<'a> {
    #[serde(flatten)]
    about: About<'a>,
    key: &'a str,
}

impl<'a> MadeDocument<'a> {
    pub(super) fn of(made: &'a MadeApiKey) -> Self {
        Self { about: About::of(&made.key), key: made.secret.expose() }
    }
}

#[derive(Serialize)]
pub(super) struct ServiceDocument<'a> {
    id: String,
    kind: &'static str,
    name: &'a str,
    roles: &'a [String],
    created_at: String,
    disabled: bool,
}

impl<'a> ServiceDocument<'a> {
    pub(super) fn of(account: &'a ServiceAccount) -> Self {
        Self {
            id: account.id.to_string(),
            kind: "service",
            name: &account.name,
            roles: &account.roles,
            created_at: rfc3339(account.created_at),
            disabled: account.disabled,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ServicesDocument<'a> {
    pub(super) service_accounts: Vec<ServiceDocument<'a>>,
    pub(super) next_cursor: Option<String>,
}

/// `{"name", "scopes", "expires_in_days"}`, the first of them needed.
pub(super) fn new_key(payload: Payload) -> Result<NewApiKey, Problem> {
    let mut object = object(payload)?;
    let (scopes, days) =
        (optional_list(&mut object, "scopes"), optional_number(&mut object, "expires_in_days"));
    let (scopes, days) = match (scopes, days) {
        (Ok(scopes), Ok(days)) => (scopes.unwrap_or_default(), days),
        (scopes, days) => {
            let errors = [scopes.err(), days.err()].into_iter().flatten().collect();
            return Err(Problem::validation(errors));
        }
    };
    let [name] = texts_of(object, ["name"])?;
    let new = scopes.into_iter().fold(NewApiKey::new(name), NewApiKey::scope);
    Ok(days.into_iter().fold(new, NewApiKey::expires_in_days))
}

/// `{"overlap_hours"}`, which may be left out, as the whole body may.
pub(super) fn rotation(key: ApiKeyId, payload: Payload) -> Result<RotateApiKey, Problem> {
    let hours = match payload {
        Payload::Nothing => None,
        payload => optional_number(&mut object(payload)?, "overlap_hours")
            .map_err(|error| Problem::validation(vec![error]))?,
    };
    Ok(hours.into_iter().fold(RotateApiKey::new(key), RotateApiKey::overlap_hours))
}

fn scopes() -> Value {
    json!({
        "type": "array",
        "maxItems": 20,
        "items": {"type": "string", "pattern": "^[a-z0-9:._-]{1,64}$"},
        "description": "What the key is for. Without any it tells whose it is, at `/users/me`.",
    })
}

fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 64, "description": "For people to know it by."})
}

pub(super) fn key_schemas(service: &Inner) -> [(&'static str, Value); 5] {
    let about = json!({
        "id": id(),
        "name": text(),
        "scopes": texts(),
        "hint": {"type": "string", "description": "How the key begins."},
        "created_at": time(),
        "expires_at": perhaps(&time()),
    });
    let max = service.auth.config().api_keys.max_days;
    let days = if max == 0 {
        json!({"type": "integer", "minimum": 0, "maximum": 3660, "default": 90, "description": "0: it never expires."})
    } else {
        json!({"type": "integer", "minimum": 1, "maximum": max, "default": max.min(90)})
    };
    let new = json!({"name": name(), "scopes": scopes(), "expires_in_days": days});
    let rotation = json!({
        "overlap_hours": {
            "type": "integer", "minimum": 0, "maximum": 168, "default": 24,
            "description": "For how long the old key goes on.",
        },
    });
    let last_used = json!({
        "anyOf": [time(), {"type": "null"}], "description": "Exact to five minutes.",
    });
    [
        ("NewApiKey", shape::object(&["name"], &new)),
        (
            "MadeApiKey",
            closed(&with(&about, [("key", json!({"type": "string", "description": "Told this once."}))])),
        ),
        ("ApiKey", closed(&with(&about, [("last_used_at", last_used)]))),
        ("ApiKeys", closed(&json!({"api_keys": list("ApiKey")}))),
        ("ApiKeyRotation", shape::object(&[], &rotation)),
    ]
}

pub(super) fn service_schemas() -> [(&'static str, Value); 4] {
    let roles = || {
        json!({
            "type": "array",
            "maxItems": 32,
            "items": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
            "description": "Exactly these.",
        })
    };
    let account = json!({
        "id": id(),
        "kind": constant("service"),
        "name": text(),
        "roles": texts(),
        "created_at": time(),
        "disabled": {"type": "boolean"},
    });
    let change = json!({"name": name(), "roles": roles(), "disabled": {"type": "boolean"}});
    [
        ("ServiceAccount", closed(&account)),
        (
            "ServiceAccountPage",
            closed(&json!({"service_accounts": list("ServiceAccount"), "next_cursor": nullable()})),
        ),
        ("NewServiceAccount", shape::object(&["name"], &json!({"name": name(), "roles": roles()}))),
        ("ServiceAccountChange", shape::object(&[], &change)),
    ]
}
