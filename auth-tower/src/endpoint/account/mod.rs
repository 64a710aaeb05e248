//! What somebody who is signed in sees of their own account, and does to it.

pub(super) mod export;
mod me;
mod password;

use serde_json::Value;

use super::{
    Doors,
    document::{events, page_of_events},
    profile,
};
use crate::{
    openapi::{Operation, Tag, page_parameters},
    route::{Address, Answered, Caller, Endpoint, Route},
    service::{Call, Inner},
};

impl Endpoint {
    /// `GET`, `PATCH` and `DELETE /users/me`
    pub const ME: Self = Self(&Address::new("/users/me", &[me::GET, profile::PATCH, me::DELETE]));
    /// `POST` and `DELETE /users/me/password`
    pub const CHANGE_PASSWORD: Self =
        Self(&Address::new("/users/me/password", &[password::ROUTE, password::REMOVE]));
    /// `GET /users/me/export`
    pub const EXPORT: Self = Self(&Address::new("/users/me/export", &[export::ROUTE]));
    /// `GET /users/me/events`
    pub const EVENTS: Self = Self(&Address::new(
        "/users/me/events",
        &[Route::get(|call| Box::pin(own_events(call)), describe_events).open_to(Caller::Bearer)],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::ME, Endpoint::CHANGE_PASSWORD, Endpoint::EXPORT, Endpoint::EVENTS],
    schemas,
    ..Doors::tagged(Tag::ACCOUNT)
};

/// `GET /users/me/events?limit=&cursor=`: what happened to the caller's account, the latest first.
async fn own_events(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let (limit, before) = page_of_events(&call.query()?)?;
    Ok(events(&call.service.auth.own_events(&caller, before, limit).await?, limit))
}

fn describe_events(_: &Inner) -> Operation {
    page_parameters()
        .into_iter()
        .fold(Operation::new("events", "What happened to my account"), Operation::parameter)
        .answers_with(200, "A page, the latest first.", "EventPage")
        .fails(&["validation_failed"])
}

fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    [me::schema(), password::schema(service)].into_iter().chain(export::schemas()).collect()
}
