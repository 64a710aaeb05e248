//! What administrators do to accounts. Each endpoint is opened by [`administrator`] first.

use std::collections::BTreeMap;

use auth_core::{ADMIN_ROLE, ClientInfo, FieldError, User, UserChange, UserId, UserQuery};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::{
    UserDocument, caller,
    fields::{object, optional_bool, optional_list},
    json, no_content,
};
use crate::{
    Body,
    problem::Problem,
    service::{Inner, Payload, Refusal},
};

pub(super) type Query = BTreeMap<String, String>;

/// How many are listed when nothing is said.
const LIMIT: u64 = 20;

/// The caller, who has the role at this moment, whatever the token says: one who lost it is refused at once.
pub(crate) async fn administrator(service: &Inner, headers: &HeaderMap) -> Result<UserId, Refusal> {
    let caller = service.auth.check_session(&caller(service, headers)?).await?;
    if caller.has_role(ADMIN_ROLE) { Ok(caller.user_id()) } else { Err(Problem::forbidden().into()) }
}

/// A user as administrators see them: what the user sees, and whether they are kept out. The same wherever it is written, at
/// `/users` and by the command line.
#[derive(Debug, Serialize)]
pub struct AccountDocument<'a> {
    #[serde(flatten)]
    user: UserDocument<'a>,
    disabled: bool,
}

impl<'a> AccountDocument<'a> {
    /// Of this user.
    pub fn of(user: &'a User) -> Self {
        Self { user: UserDocument::of(user), disabled: user.disabled }
    }
}

#[derive(Serialize)]
struct UsersDocument<'a> {
    users: Vec<AccountDocument<'a>>,
    next_cursor: Option<&'a str>,
}

/// `GET /users?limit=&cursor=&email=`: a page of users, in the order in which they came.
pub(crate) async fn users(service: &Inner, mut query: Query) -> Result<Response<Body>, Refusal> {
    let mut wanted = UserQuery::default().limit(limit(&query).map_err(invalid)?);
    if let Some(cursor) = query.remove("cursor") {
        wanted = wanted.cursor(cursor);
    }
    if let Some(email) = query.remove("email") {
        wanted = wanted.email(email);
    }
    let page = service.auth.list_users(wanted).await?;
    let users = page.users.iter().map(AccountDocument::of).collect();
    Ok(json(StatusCode::OK, &UsersDocument { users, next_cursor: page.next.as_deref() }))
}

/// `GET /users/{id}`.
pub(crate) async fn user(service: &Inner, user: UserId) -> Result<Response<Body>, Refusal> {
    let user = service.auth.user(user).await?;
    Ok(json(StatusCode::OK, &AccountDocument::of(&user)))
}

/// `PATCH /users/{id}` `{"roles", "disabled"}`: both or one of them, at once or not at all. Other members are ignored, never
/// applied (ASVS 15.3.3).
pub(crate) async fn change_user(
    service: &Inner,
    user: UserId,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let mut object = object(payload)?;
    let change = match (optional_list(&mut object, "roles"), optional_bool(&mut object, "disabled")) {
        (Ok(roles), Ok(disabled)) => {
            let mut change = UserChange::default();
            (change.roles, change.disabled) = (roles, disabled);
            change
        }
        (roles, disabled) => {
            let errors = [roles.err(), disabled.err()].into_iter().flatten().collect();
            return Err(Problem::validation(errors).into());
        }
    };
    let user = service.auth.update_user(user, change, client).await?;
    Ok(json(StatusCode::OK, &AccountDocument::of(&user)))
}

/// `DELETE /users/{id}`.
pub(crate) async fn delete_user(
    service: &Inner,
    user: UserId,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    service.auth.delete_user(user, client).await?;
    Ok(no_content())
}

/// `DELETE /users/{id}/sessions`: all of them.
pub(crate) async fn end_sessions_of(
    service: &Inner,
    user: UserId,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    service.auth.logout_all(user, client).await?;
    Ok(no_content())
}

pub(super) fn limit(query: &Query) -> Result<u64, FieldError> {
    let Some(limit) = query.get("limit") else { return Ok(LIMIT) };
    // Digits only: parsing alone would take a sign.
    let number = limit.bytes().all(|byte| byte.is_ascii_digit()).then(|| limit.parse().ok()).flatten();
    number.filter(|limit| (1..=UserQuery::LIMIT_MAX).contains(limit)).ok_or_else(|| {
        FieldError::new("limit", "out_of_range", "the limit must be a whole number from 1 to 100")
    })
}

pub(super) fn invalid(error: FieldError) -> Problem {
    Problem::validation(vec![error])
}
