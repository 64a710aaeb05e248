//! What an account tells beside its address: members of a user in many documents, and what changes them.

use auth_core::{Error, FieldError, Profile, ProfileChange, refusal};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Doors, answer::json, document::UserDocument, fields::object};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{self, nullable, with},
    },
    problem::Problem,
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner, Json, Object},
};

/// Its route stands with the others at `/users/me`.
pub(crate) const DOORS: Doors = Doors {
    schemas: |service| vec![("ProfileChange", shape::object(&[], &changed_members(service)))],
    codes: &[("username_taken", 409, "somebody else has this user name")],
    ..Doors::tagged(Tag::ACCOUNT)
};

pub(super) const PATCH: Route = Route::patch(|call| Box::pin(change_me(call)), describe_change_me)
    .takes(Takes::Json)
    .open_to(Caller::Bearer)
    .unless(switched_off);

fn switched_off(service: &Inner) -> Option<Error> {
    let is_on = service.auth.config().profile.enabled;
    (!is_on).then_some(Error::Refused(refusal::PROFILES_OFF))
}

/// The members of a user that its profile has.
#[derive(Debug, Serialize)]
pub(super) struct ProfileDocument<'a> {
    name: Option<&'a str>,
    username: Option<&'a str>,
    locale: Option<&'a str>,
    data: &'a Map<String, Value>,
    app_data: &'a Map<String, Value>,
}

impl<'a> ProfileDocument<'a> {
    pub(super) fn of(profile: &'a Profile) -> Self {
        Self {
            name: profile.name.as_deref(),
            username: profile.username.as_deref(),
            locale: profile.locale.as_deref(),
            data: &profile.data,
            app_data: &profile.app_data,
        }
    }
}

/// `PATCH /users/me`: a JSON merge patch (RFC 7396) of what is the caller's own to write.
async fn change_me(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let change = own_change(&call.service, &mut object(call.payload)?).map_err(Problem::validation)?;
    let client = call.client.actor(caller.user_id());
    let user = call.service.auth.change_profile(&caller, change, client).await?;
    Ok(json(StatusCode::OK, &UserDocument::of(&user)))
}

fn describe_change_me(service: &Inner) -> Operation {
    let operation = Operation::new("change_me", "Change my name, user name, language or data");
    if switched_off(service).is_some() {
        return operation.describe("There are no profiles here.").fails(&["not_found"]);
    }
    operation
        .describe(
            "A JSON merge patch (RFC 7396): what is left out stays, null takes away. `app_data` is read here and written by \
             administrators and services.",
        )
        .takes("ProfileChange", &json!({"name": "Ada Lovelace", "locale": "en-GB", "data": {"theme": "dark"}}))
        .answers_with(200, "The account as it is now.", "User")
        .fails(&["validation_failed", "username_taken"])
}

/// The members that people write themselves; nothing where there are no profiles.
pub(super) fn own_change(service: &Inner, object: &mut Object) -> Result<ProfileChange, Vec<FieldError>> {
    let mut change = ProfileChange::default();
    if !service.auth.config().profile.enabled {
        return Ok(change);
    }
    let mut errors = Vec::new();
    for (field, member) in
        [("name", &mut change.name), ("username", &mut change.username), ("locale", &mut change.locale)]
    {
        match object.remove(field) {
            None => {}
            Some(Json::Null) => *member = Some(None),
            Some(Json::Text(text)) => *member = Some(Some(text)),
            Some(_) => {
                errors.push(FieldError::new(field, "wrong_type", format!("the {field} must be a text")));
            }
        }
    }
    change.data = object.remove("data").map(Value::from);
    if errors.is_empty() { Ok(change) } else { Err(errors) }
}

/// The same with what administrators and services write.
pub(super) fn any_change(service: &Inner, object: &mut Object) -> Result<ProfileChange, Vec<FieldError>> {
    let app_data = object.remove("app_data").filter(|_| service.auth.config().profile.enabled);
    let mut change = own_change(service, object)?;
    change.app_data = app_data.map(Value::from);
    Ok(change)
}

/// The members of a user, described; none where there are no profiles.
pub(super) fn members(service: &Inner) -> Value {
    if switched_off(service).is_some() {
        return json!({});
    }
    let kept =
        |by: &str| json!({"type": "object", "description": format!("At most 8 KiB of JSON, kept by {by}.")});
    json!({
        "name": nullable(),
        "username": {"type": ["string", "null"], "description": "Public; as it was typed, and unique in any case."},
        "locale": {"type": ["string", "null"], "description": "A tag of BCP 47."},
        "data": kept("the person"),
        "app_data": kept("administrators and services"),
    })
}

/// What a person may write, described.
pub(super) fn changed_members(service: &Inner) -> Value {
    if switched_off(service).is_some() {
        return json!({});
    }
    let mut members = json!({
        "name": {"type": ["string", "null"], "description": "1 to 200 characters, without controls."},
        "locale": {"type": ["string", "null"], "maxLength": 35, "description": "A tag of BCP 47, like `de-AT`."},
        "data": patch(),
    });
    if service.auth.config().profile.usernames {
        members = with(&members, [("username", username())]);
    }
    members
}

/// The same for administrators.
pub(super) fn all_changed_members(service: &Inner) -> Value {
    let members = changed_members(service);
    if switched_off(service).is_some() { members } else { with(&members, [("app_data", patch())]) }
}

fn username() -> Value {
    json!({
        "type": ["string", "null"],
        "description": "3 to 32 of `a-z 0-9 . _ -`, in any case; some are reserved. User names are public.",
    })
}

fn patch() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Is merged into what is there (RFC 7396), which then has at most 8 KiB of JSON; null empties it.",
    })
}
