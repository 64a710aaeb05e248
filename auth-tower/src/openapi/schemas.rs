//! What is in the bodies: shapes and limits.

use serde_json::{Value, json};

use super::{Facts, operation::reference};

/// Limits that the rules of `auth-core` have.
const EMAIL_MAX_BYTES: u16 = 254;
const PASSWORD_MAX_LENGTH: u16 = 256;

pub(super) fn schemas(facts: &Facts) -> Value {
    let new_password = json!({
        "type": "string",
        "format": "password",
        "minLength": facts.password_min_length,
        "maxLength": PASSWORD_MAX_LENGTH,
        "description": "Counted in code points after NFC. No common one, none known from a leak, not the address.",
    });
    let mut schemas = answers();
    let requests = requests(&new_password, facts);
    for (name, schema) in requests {
        if let Some(schemas) = schemas.as_object_mut() {
            schemas.insert(name.to_owned(), schema);
        }
    }
    schemas
}

fn object(required: &[&str], properties: &Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

fn requests(new_password: &Value, facts: &Facts) -> [(&'static str, Value); 11] {
    let text = json!({"type": "string"});
    let given = json!({"type": "string", "format": "password"});
    let email = json!({
        "type": "string",
        "format": "email",
        "maxLength": EMAIL_MAX_BYTES,
        "description": "A dot-atom of at most 64 bytes, and a domain of at least two labels (IDNA).",
    });
    let token = json!({"type": "string", "description": "What stands in the link after `#`."});
    [
        ("Registration", object(&["email", "password"], &json!({"email": email, "password": new_password}))),
        (
            "PasswordForm",
            object(
                &["username", "password"],
                &json!({
                    "grant_type": {"type": "string", "enum": ["password"]},
                    "username": {"type": "string", "minLength": 1, "description": "The e-mail address."},
                    "password": {"type": "string", "format": "password", "minLength": 1},
                    "scope": {"type": "string", "description": "Is ignored."},
                }),
            ),
        ),
        (
            "Credentials",
            json!({
                "type": "object",
                "required": ["password"],
                "properties": {"email": text, "username": text, "password": given},
                "oneOf": [{"required": ["email"]}, {"required": ["username"]}],
            }),
        ),
        ("PasswordAgain", object(&[], &json!({"password": given}))),
        (
            "PasswordChange",
            object(
                &["current_password", "new_password"],
                &json!({"current_password": given, "new_password": new_password}),
            ),
        ),
        ("EmailChange", object(&["email"], &json!({"email": email, "password": given}))),
        ("Address", object(&["email"], &json!({"email": email}))),
        ("OneTimeToken", object(&["token"], &json!({"token": token}))),
        ("PasswordReset", object(&["token", "password"], &json!({"token": token, "password": new_password}))),
        (
            "UserChange",
            object(
                &[],
                &json!({
                    "roles": {
                        "type": "array",
                        "maxItems": 32,
                        "items": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
                        "description": "Exactly these; everybody has `user`.",
                    },
                    "disabled": {"type": "boolean"},
                }),
            ),
        ),
        (
            "Link",
            object(
                &["provider"],
                &json!({"provider": {"enum": facts.providers}, "redirect_to": text, "password": given}),
            ),
        ),
    ]
}

fn answers() -> Value {
    let id = json!({"type": "string", "format": "uuid"});
    let time = json!({"type": "string", "format": "date-time", "examples": ["2026-11-22T10:00:00Z"]});
    let perhaps = |schema: &Value| json!({"anyOf": [schema, {"type": "null"}]});
    let (text, nullable) = (json!({"type": "string"}), json!({"type": ["string", "null"]}));
    let list = |name: &str| json!({"type": "array", "items": reference(name)});
    let texts = json!({"type": "array", "items": text});
    let user = json!({
        "id": id, "email": text, "email_verified": {"type": "boolean"}, "roles": texts, "created_at": time,
    });
    let account = with(&user, [("disabled", json!({"type": "boolean"}))]);
    json!({
        "User": closed(&user),
        "Account": closed(&account),
        "UserPage": closed(&json!({"users": list("Account"), "next_cursor": nullable})),
        "Token": closed(&json!({
            "access_token": text,
            "token_type": {"const": "bearer"},
            "expires_in": {"type": "integer", "minimum": 1, "description": "Seconds."},
        })),
        "Session": closed(&json!({
            "id": id,
            "created_at": time,
            "last_used_at": time,
            "expires_at": time,
            "user_agent": nullable,
            "ip": nullable,
            "methods": texts,
            "current": {"type": "boolean", "description": "Whether it is the caller's own."},
        })),
        "Sessions": closed(&json!({"sessions": list("Session")})),
        "Identity": closed(&json!({
            "id": id,
            "provider": text,
            "issuer": text,
            "email": nullable,
            "created_at": time,
            "last_used_at": perhaps(&time),
        })),
        "Identities": closed(&json!({"identities": list("Identity")})),
        "Event": closed(&json!({
            "id": id,
            "at": time,
            "event": text,
            "reason": nullable,
            "user": perhaps(&id),
            "actor": perhaps(&id),
            "session": perhaps(&id),
            "ip": nullable,
            "request_id": nullable,
        })),
        "EventPage": closed(&json!({"events": list("Event"), "next_cursor": nullable})),
        "Export": closed(&json!({
            "user": reference("User"),
            "sessions": list("Session"),
            "identities": list("Identity"),
            "events": list("Event"),
        })),
        "Authorization": closed(&json!({"authorization_url": {"type": "string", "format": "uri"}})),
        "KeySet": object(&["keys"], &json!({"keys": {"type": "array", "items": {"type": "object", "required": ["kty"]}}})),
        "Problem": problem(&[]),
        "OAuthProblem": problem(&["error", "error_description"]),
    })
}

/// These members and more.
fn with<'a>(members: &Value, more: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let members =
        members.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
    members.chain(more.into_iter().map(|(name, value)| (name.to_owned(), value))).collect()
}

/// An object with exactly these members. What a later version adds is in its description.
fn closed(properties: &Value) -> Value {
    let names: Vec<_> = properties.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({"type": "object", "required": names, "properties": properties, "additionalProperties": false})
}

fn problem(oauth: &[&str]) -> Value {
    let field = closed(&json!({
        "field": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    }));
    let properties = json!({
        "type": {"const": "about:blank"},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people; repeats no input."},
        "code": {"type": "string", "description": "Stable: act on this."},
        "errors": {"type": "array", "items": field, "description": "The broken rules, each at its field."},
    });
    let member = json!({"type": "string", "description": "RFC 6749 section 5.2."});
    let properties = with(&properties, oauth.iter().map(|name| (*name, member.clone())));
    let required: Vec<_> = ["type", "title", "status", "detail", "code"].iter().chain(oauth).collect();
    json!({"type": "object", "required": required, "properties": properties})
}
