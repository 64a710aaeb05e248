//! Shapes of bodies, as JSON Schema has them.

use serde_json::{Value, json};

use crate::service::Inner;

/// Limits that the rules of `auth-core` have.
const EMAIL_MAX_BYTES: u16 = 254;
const PASSWORD_MAX_LENGTH: u16 = 256;

pub(crate) fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

pub(crate) fn text() -> Value {
    json!({"type": "string"})
}

/// This text and no other. With its type, which generators of clients look for.
pub(crate) fn constant(text: &str) -> Value {
    json!({"type": "string", "const": text})
}

/// One of these; a choice between nothing would be a schema that nothing fits, and some generators stop at it.
pub(crate) fn one_of<T: Into<Value>>(texts: impl IntoIterator<Item = T>) -> Value {
    let texts: Vec<Value> = texts.into_iter().map(Into::into).collect();
    if texts.is_empty() { text() } else { json!({"type": "string", "enum": texts}) }
}

pub(crate) fn texts() -> Value {
    json!({"type": "array", "items": text()})
}

pub(crate) fn nullable() -> Value {
    json!({"type": ["string", "null"]})
}

pub(crate) fn perhaps(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

pub(crate) fn id() -> Value {
    json!({"type": "string", "format": "uuid"})
}

pub(crate) fn time() -> Value {
    json!({"type": "string", "format": "date-time", "examples": ["2026-11-22T10:00:00Z"]})
}

pub(crate) fn list(name: &str) -> Value {
    json!({"type": "array", "items": reference(name)})
}

pub(crate) fn email() -> Value {
    json!({
        "type": "string",
        "format": "email",
        "maxLength": EMAIL_MAX_BYTES,
        "description": "A dot-atom of at most 64 bytes, and a domain of at least two labels (IDNA).",
    })
}

pub(crate) fn password() -> Value {
    json!({"type": "string", "format": "password"})
}

pub(crate) fn new_password(service: &Inner) -> Value {
    json!({
        "type": "string",
        "format": "password",
        "minLength": service.auth.config().passwords.min_length,
        "maxLength": PASSWORD_MAX_LENGTH,
        "description": "Counted in code points after NFC. No common one, none known from a leak, not the address.",
    })
}

/// What a browser made with a passkey.
pub(crate) fn credential() -> Value {
    json!({"type": "object", "description": "`PublicKeyCredential.toJSON()` (WebAuthn Level 3)."})
}

/// A token out of a mail.
pub(crate) fn token() -> Value {
    json!({"type": "string", "description": "What stands in the link after `#`."})
}

/// An object with these members and perhaps more, as requests are.
pub(crate) fn object(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// The same of a form: there every field is a text, and none is there twice.
pub(crate) fn form_object(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": {"type": "string"}})
}

/// An object with exactly these members, as answers are. What a later version adds is in its description.
pub(crate) fn closed(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
}

/// These members and those of another object.
pub(crate) fn joined(members: &Value, more: &Value) -> Value {
    let more = more.as_object().into_iter().flatten();
    with(members, more.map(|(name, schema)| (name.as_str(), schema.clone())))
}

/// These members and more.
pub(crate) fn with<'a>(members: &Value, more: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let members =
        members.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
    members.chain(more.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}
