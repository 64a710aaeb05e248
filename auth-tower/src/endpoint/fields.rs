//! Members of a JSON body, and parameters of an address.

use std::collections::BTreeMap;

use auth_core::{FieldError, Password, UserQuery};

use crate::{
    problem::Problem,
    service::{Json, Object, Payload},
};

/// The object that an endpoint takes.
pub(super) fn object(payload: Payload) -> Result<Object, Problem> {
    match payload {
        Payload::Json(Json::Object(object)) => Ok(object),
        Payload::Json(_) => {
            let error = FieldError::new("body", "not_an_object", "the body must be a JSON object");
            Err(Problem::validation(vec![error]))
        }
        Payload::Nothing | Payload::Form(_) => Err(Problem::malformed("A JSON body is needed.")),
    }
}

/// Texts that have to be there; one answer names all that are not. Other members are ignored, never applied (ASVS 15.3.3).
pub(super) fn texts<const N: usize>(
    payload: Payload,
    fields: [&'static str; N],
) -> Result<[String; N], Problem> {
    texts_of(object(payload)?, fields)
}

/// The same, of an object of which something has been taken already.
pub(super) fn texts_of<const N: usize>(
    mut object: Object,
    fields: [&'static str; N],
) -> Result<[String; N], Problem> {
    let mut errors = Vec::new();
    let texts = fields.map(|field| {
        text(&mut object, field).unwrap_or_else(|error| {
            errors.push(error);
            String::new()
        })
    });
    if errors.is_empty() { Ok(texts) } else { Err(Problem::validation(errors)) }
}

fn text(object: &mut Object, field: &'static str) -> Result<String, FieldError> {
    let name = field.replace('_', " ");
    match object.remove(field) {
        Some(Json::Text(text)) => Ok(text),
        Some(_) => Err(FieldError::new(field, "wrong_type", format!("the {name} must be a text"))),
        None => Err(FieldError::new(field, "required", format!("the {name} is missing"))),
    }
}

/// A text that may be missing.
pub(super) fn optional_text(object: &mut Object, field: &'static str) -> Result<Option<String>, Problem> {
    if !object.contains_key(field) {
        return Ok(None);
    }
    text(object, field).map(Some).map_err(|error| Problem::validation(vec![error]))
}

/// The password that is asked for once more, where the account has one.
pub(super) fn optional_password(object: &mut Object) -> Result<Option<Password>, Problem> {
    Ok(optional_text(object, "password")?.map(Password::from))
}

/// The same of a body that may be missing: whether a password is needed depends on the account.
pub(super) fn password_again(payload: Payload) -> Result<Option<Password>, Problem> {
    match payload {
        Payload::Nothing => Ok(None),
        payload => optional_password(&mut object(payload)?),
    }
}

/// `true` or `false`, or nothing.
pub(super) fn optional_bool(object: &mut Object, field: &'static str) -> Result<Option<bool>, FieldError> {
    match object.remove(field) {
        None => Ok(None),
        Some(Json::Bool(value)) => Ok(Some(value)),
        Some(_) => Err(FieldError::new(field, "wrong_type", format!("{field} must be true or false"))),
    }
}

/// A whole number, or nothing.
pub(super) fn optional_number(object: &mut Object, field: &'static str) -> Result<Option<u32>, FieldError> {
    match object.remove(field) {
        None => Ok(None),
        Some(Json::Number(number)) => Ok(Some(u32::try_from(number).unwrap_or(u32::MAX))),
        Some(_) => Err(FieldError::new(field, "wrong_type", format!("{field} must be a whole number"))),
    }
}

/// A list of texts, or nothing.
pub(super) fn optional_list(
    object: &mut Object,
    field: &'static str,
) -> Result<Option<Vec<String>>, FieldError> {
    let wrong = || FieldError::new(field, "wrong_type", format!("the {field} must be a list of texts"));
    let text = |item| match item {
        Json::Text(text) => Ok(text),
        _ => Err(wrong()),
    };
    match object.remove(field) {
        None => Ok(None),
        Some(Json::List(items)) => items.into_iter().map(text).collect::<Result<_, _>>().map(Some),
        Some(_) => Err(wrong()),
    }
}

/// What a browser made with a passkey (`PublicKeyCredential.toJSON()`), as a text of JSON again.
pub(super) fn credential(object: &mut Object) -> Result<String, Problem> {
    match object.remove("credential") {
        Some(credential @ Json::Object(_)) => {
            serde_json::to_string(&credential).map_err(|_| Problem::internal())
        }
        Some(_) => Err(invalid("credential", "wrong_type", "the credential must be an object")),
        None => Err(invalid("credential", "required", "the credential is missing")),
    }
}

pub(super) type Query = BTreeMap<String, String>;

/// How many are listed when nothing is said.
const LIMIT: u64 = 20;

pub(super) fn limit(query: &Query) -> Result<u64, Problem> {
    let Some(limit) = query.get("limit") else { return Ok(LIMIT) };
    // Digits only: parsing alone would take a sign.
    let number = limit.bytes().all(|byte| byte.is_ascii_digit()).then(|| limit.parse().ok()).flatten();
    number
        .filter(|limit| (1..=UserQuery::LIMIT_MAX).contains(limit))
        .ok_or_else(|| invalid("limit", "out_of_range", "the limit must be a whole number from 1 to 100"))
}

pub(super) fn invalid(parameter: &'static str, code: &'static str, rule: &'static str) -> Problem {
    Problem::validation(vec![FieldError::new(parameter, code, rule)])
}
