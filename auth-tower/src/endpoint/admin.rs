//! What administrators do to accounts. Nobody else is let in: that is the route's to say.

use auth_core::{ChangedUser, User, UserChange, UserQuery};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Doors,
    answer::{json, no_content},
    document::{RowsDocument, UserDocument, events, page_of_events, rows, user_members},
    fields::{limit, object, optional_bool, optional_list},
    profile,
};
use crate::{
    openapi::{
        Operation, Tag, page_parameters,
        shape::{self, closed, constant, joined, list, nullable, with},
    },
    problem::Problem,
    route::{Address, Answered, Caller, Endpoint, Route, Takes},
    service::{Call, Inner},
};

impl Endpoint {
    /// `GET /users`, for administrators
    pub const USERS: Self = Self(&Address::new(
        "/users",
        &[Route::get(|call| Box::pin(users(call)), describe_users)
            .open_to(Caller::Administrator)
            .and_machines()],
    ));
    /// `GET`, `PATCH` and `DELETE /users/{id}`, for administrators
    pub const USER: Self = Self(&Address::of_one(
        "/users/{id}",
        &[
            Route::get(|call| Box::pin(user(call)), describe_user)
                .open_to(Caller::Administrator)
                .and_machines(),
            Route::patch(|call| Box::pin(change_user(call)), describe_change_user)
                .takes(Takes::Json)
                .open_to(Caller::Administrator)
                .and_machines()
                .on_proof(),
            Route::delete(|call| Box::pin(delete_user(call)), describe_delete_user)
                .open_to(Caller::Administrator)
                .and_machines()
                .on_proof(),
        ],
    ));
    /// `DELETE /users/{id}/sessions`, for administrators
    pub const USER_SESSIONS: Self = Self(&Address::of_one(
        "/users/{id}/sessions",
        &[Route::delete(|call| Box::pin(end_sessions(call)), describe_end_sessions)
            .open_to(Caller::Administrator)
            .and_machines()
            .on_proof()],
    ));
    /// `GET /users/{id}/events`, for administrators
    pub const USER_EVENTS: Self = Self(&Address::of_one(
        "/users/{id}/events",
        &[Route::get(|call| Box::pin(user_events(call)), describe_user_events)
            .open_to(Caller::Administrator)
            .and_machines()],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::USERS, Endpoint::USER, Endpoint::USER_SESSIONS, Endpoint::USER_EVENTS],
    schemas,
    ..Doors::tagged(Tag {
        name: "Administration",
        description: "What administrators do to accounts: the role `admin` is needed.",
    })
};

/// A user as administrators see them: what the user sees, and whether they are kept out. The same wherever it is written, at
/// `/users` and by the command line.
#[derive(Debug, Serialize)]
pub struct AccountDocument<'a> {
    #[serde(flatten)]
    user: UserDocument<'a>,
    disabled: bool,
    /// A member each, of an account that was just given roles.
    #[serde(flatten)]
    ways_in: RowsDocument,
}

impl<'a> AccountDocument<'a> {
    /// Of this user.
    pub fn of(user: &'a User) -> Self {
        Self { user: UserDocument::of(user), disabled: user.disabled, ways_in: RowsDocument::new() }
    }

    /// Of a user after a change: where it gave roles, with the identities that have them now.
    pub fn of_changed(changed: &'a ChangedUser) -> Self {
        Self { ways_in: rows(&changed.ways_in), ..Self::of(&changed.user) }
    }
}

#[derive(Serialize)]
struct UsersDocument<'a> {
    users: Vec<AccountDocument<'a>>,
    next_cursor: Option<&'a str>,
}

/// `GET /users?limit=&cursor=&email=&q=`: a page of users, in the order in which they came.
async fn users(call: Call) -> Answered {
    let mut query = call.query()?;
    let mut wanted = UserQuery::default().limit(limit(&query)?);
    if let Some(cursor) = query.remove("cursor") {
        wanted = wanted.cursor(cursor);
    }
    if let Some(email) = query.remove("email") {
        wanted = wanted.email(email);
    }
    if let Some(text) = query.remove("q") {
        wanted = wanted.begins(text);
    }
    let page = call.service.auth.list_users(wanted).await?;
    let users = page.users.iter().map(AccountDocument::of).collect();
    Ok(json(StatusCode::OK, &UsersDocument { users, next_cursor: page.next.as_deref() }))
}

fn describe_users(_: &Inner) -> Operation {
    let email = json!({
        "name": "email", "in": "query", "description": "Only the one with this address.",
        "schema": {"anyOf": [{"type": "string", "format": "email"}, constant("")], "examples": ["ada@example.com"]},
    });
    let begins = json!({
        "name": "q", "in": "query",
        "description": "Only those whose address, name or user name begins so, in any case. Not together with `email`.",
        "schema": {"type": "string", "maxLength": 254, "examples": ["ada"]},
    });
    page_parameters()
        .into_iter()
        .chain([email, begins])
        .fold(Operation::new("users", "List users"), Operation::parameter)
        .answers_with(200, "A page, in the order in which they came.", "UserPage")
        .fails(&["validation_failed"])
}

/// `GET /users/{id}`.
async fn user(call: Call) -> Answered {
    let user = call.service.auth.user(call.id()?).await?;
    Ok(json(StatusCode::OK, &AccountDocument::of(&user)))
}

fn describe_user(_: &Inner) -> Operation {
    of_one("user", "Show a user").answers_with(200, "The user.", "Account")
}

/// `PATCH /users/{id}` `{"roles", "disabled"}` and the members of a profile: all of them, at once or not at all. Other members are
/// ignored, never applied (ASVS 15.3.3).
async fn change_user(call: Call) -> Answered {
    let user = call.id()?;
    let mut object = object(call.payload)?;
    let roles = optional_list(&mut object, "roles");
    let disabled = optional_bool(&mut object, "disabled");
    let change = match (roles, disabled, profile::any_change(&call.service, &mut object)) {
        (Ok(roles), Ok(disabled), Ok(profile)) => {
            let mut change = UserChange::default().profile(profile);
            (change.roles, change.disabled) = (roles, disabled);
            change
        }
        (roles, disabled, profile) => {
            let errors = [roles.err(), disabled.err()].into_iter().flatten();
            let errors = errors.chain(profile.err().into_iter().flatten()).collect();
            return Err(Problem::validation(errors).into());
        }
    };
    let changed = call.service.auth.update_user(user, change, call.client).await?;
    Ok(json(StatusCode::OK, &AccountDocument::of_changed(&changed)))
}

fn describe_change_user(service: &Inner) -> Operation {
    let operation = of_one("change_user", "Change roles, or keep a user out");
    // Where there are no profiles nobody has a user name.
    let has_names = service.auth.config().profile.enabled;
    let operation = if has_names { operation.fails(&["username_taken"]) } else { operation };
    operation
        .describe(
            "All that is given, at once or not at all; of a profile as at `PATCH /users/me`, and `app_data` too. A user who is kept out has no sessions any more. Where roles are given \
             the answer names the identities and passkeys with which somebody can sign in to the account, and so has them now.",
        )
        .takes("UserChange", &json!({"roles": ["user", "admin"], "disabled": false}))
        .answers_with(200, "The user as it is now.", "ChangedAccount")
        .fails(&["validation_failed", "last_admin"])
}

/// `DELETE /users/{id}`.
async fn delete_user(call: Call) -> Answered {
    let user = call.id()?;
    call.service.auth.delete_user(user, call.client).await?;
    Ok(no_content())
}

fn describe_delete_user(_: &Inner) -> Operation {
    of_one("delete_user", "Delete a user")
        .answers(204, "With all that hung on it.")
        .fails(&["last_admin", "user_in_use"])
}

/// `DELETE /users/{id}/sessions`: all of them.
async fn end_sessions(call: Call) -> Answered {
    let user = call.id()?;
    call.service.auth.logout_all(user, call.client).await?;
    Ok(no_content())
}

fn describe_end_sessions(_: &Inner) -> Operation {
    of_one("end_sessions", "End all sessions of a user").answers(204, "They are over.")
}

/// `GET /users/{id}/events?limit=&cursor=`: what happened to the account, the latest first; also to one that is gone, for as
/// long as the audit keeps it.
async fn user_events(call: Call) -> Answered {
    let (user, auth) = (call.id()?, &call.service.auth);
    let (limit, before) = page_of_events(&call.query()?)?;
    let page = auth.events(user, before, limit).await?;
    if page.is_empty() && before.is_none() {
        // Nothing has happened to who never was; but then it should say so.
        auth.user(user).await?;
    }
    Ok(events(&page, limit))
}

fn describe_user_events(_: &Inner) -> Operation {
    page_parameters()
        .into_iter()
        .fold(of_one("user_events", "What happened to an account"), Operation::parameter)
        .describe("Also to one that is gone, for as long as the audit keeps it.")
        .answers_with(200, "A page, the latest first.", "EventPage")
        .fails(&["validation_failed"])
}

fn of_one(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).fails(&["not_found"])
}

fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    let account = with(&user_members(service), [("disabled", json!({"type": "boolean"}))]);
    let mut changed = closed(&account);
    // Only where it gives roles: none of what is always there.
    if let Some(members) = changed.pointer_mut("/properties").and_then(Value::as_object_mut) {
        members.insert("identities".to_owned(), list("Identity"));
        members.insert("passkeys".to_owned(), list("ExportedPasskey"));
    }
    let change = json!({
        "roles": {
            "type": "array",
            "maxItems": 32,
            "items": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
            "description": "Exactly these; everybody has `user`.",
        },
        "disabled": {"type": "boolean"},
    });
    let change = joined(&change, &profile::all_changed_members(service));
    vec![
        ("Account", closed(&account)),
        ("ChangedAccount", changed),
        ("UserPage", closed(&json!({"users": list("Account"), "next_cursor": nullable()}))),
        ("UserChange", shape::object(&[], &change)),
    ]
}
