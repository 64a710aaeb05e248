//! Errors in the description: for each status the codes that it may come with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    operation::header,
    shape::{closed, constant, one_of, reference, with},
};
use crate::endpoint::DOORS;

/// A code, its status, and what it means.
pub(crate) type Code = (&'static str, u16, &'static str);

/// Those that several rooms have; the others a room tells itself.
const CODES: [Code; 25] = [
    (DENIED, 403, "a rule of the host's own says no, with a code and a text of its own"),
    ("malformed_request", 400, "the request cannot be read, or a field is missing or repeated"),
    ("invalid_credentials", 401, "address or password is wrong"),
    ("invalid_code", 401, "the code is wrong, or was used already"),
    ("invalid_token", 401, "no token, or one that is malformed, expired or revoked"),
    (
        "insufficient_user_authentication",
        401,
        "the last proof of who is signed in is too old, or was one factor where the account has two: step up",
    ),
    (
        "second_factor_required",
        403,
        "a second factor is asked for: `methods` are told, with `auth_session` for the answer",
    ),
    (
        "second_factor_enrolment_required",
        403,
        "a second factor has to be set up first; with `auth_session` where that can begin at once",
    ),
    ("session_required", 403, "a machine, where somebody has to be signed in"),
    ("forbidden", 403, "a role is missing, or registration is closed"),
    ("verification_needed", 403, "the address of the account has to be proved first"),
    ("cross_origin", 403, "the page is of another origin"),
    ("not_found", 404, "there is nothing of this name"),
    ("timeout", 408, "the request did not arrive in time"),
    ("email_taken", 409, "the address has an account"),
    ("last_admin", 409, "somebody has to administer"),
    ("user_in_use", 409, "rows of the host's own refer to the account and do not go along"),
    ("last_way_in", 409, "nobody could sign in to the account any more"),
    ("body_too_large", 413, "the body is too large"),
    ("unsupported_media_type", 415, "the body is of another kind, or compressed"),
    ("validation_failed", 422, "`errors` names the fields"),
    ("throttled", 429, "too many attempts failed before"),
    ("internal", 500, "a bug"),
    ("overloaded", 503, "too many sign-ins at this moment"),
    ("unavailable", 503, "the database cannot be reached"),
];

/// Stands for any code that a host may have.
const DENIED: &str = auth_core::Denial::CODE;

pub(super) fn all() -> impl Iterator<Item = Code> {
    CODES.into_iter().chain(DOORS.iter().flat_map(|doors| doors.codes).copied())
}

/// The answers with these codes, by status.
pub(super) fn answers(codes: &BTreeSet<&'static str>, oauth: bool) -> BTreeMap<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<(&str, &str)>> = BTreeMap::new();
    for (code, status, meaning) in all() {
        if codes.contains(code) {
            by_status.entry(status).or_default().push((code, meaning));
        }
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), answer(status, &codes, oauth))).collect()
}

fn answer(status: u16, codes: &[(&str, &str)], oauth: bool) -> Value {
    let meanings: Vec<_> = codes.iter().map(|(code, meaning)| format!("`{code}`: {meaning}")).collect();
    let names: Vec<_> = codes.iter().map(|(code, _)| *code).collect();
    let code = if names.contains(&DENIED) {
        json!({"type": "string", "pattern": "^[a-z0-9_]{1,64}$"})
    } else {
        one_of(names)
    };
    let schema = json!({
        "allOf": [
            reference(if oauth { "OAuthProblem" } else { "Problem" }),
            {"properties": {"code": code}},
        ],
    });
    let mut answer = json!({
        "description": meanings.join("; "),
        "content": {"application/problem+json": {"schema": schema}},
    });
    let name = match status {
        401 => "WWW-Authenticate",
        429 | 503 => "Retry-After",
        _ => return answer,
    };
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("headers".to_owned(), json!({name: header(name)}));
    }
    answer
}

pub(super) fn schemas() -> [(&'static str, Value); 2] {
    [("Problem", problem(&[])), ("OAuthProblem", problem(&["error", "error_description"]))]
}

fn problem(oauth: &[&str]) -> Value {
    let field = closed(&json!({
        "field": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    }));
    let properties = json!({
        "type": constant("about:blank"),
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people; repeats no input."},
        "code": {"type": "string", "description": "Stable: act on this."},
        "auth_session": {"type": "string", "description": "With `second_factor_required`: for the second step."},
        "methods": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With `second_factor_required`: by what it can be done, as `totp`; with `factor_locked` what is left of that.",
        },
        "passkey_options": {"type": "object", "description": "With `second_factor_required`, where a passkey is one of `methods`: for `parseRequestOptionsFromJSON`."},
        "expires_in": {"type": "integer", "description": "With `second_factor_required`: seconds that are left for it."},
        "errors": {"type": "array", "items": field, "description": "The broken rules, each at its field."},
    });
    let member = json!({"type": "string", "description": "RFC 6749 section 5.2."});
    let properties = with(&properties, oauth.iter().map(|name| (*name, member.clone())));
    let required: Vec<_> = ["type", "title", "status", "detail", "code"].iter().chain(oauth).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

#[cfg(test)]
pub(super) fn codes() -> impl Iterator<Item = &'static str> {
    all().map(|(code, ..)| code)
}
