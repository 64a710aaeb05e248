//! What somebody who is signed in sees of their own account, and does to it.

mod events;
mod export;
mod me;
mod password;

use serde_json::Value;

use super::Doors;
use crate::{
    openapi::Tag,
    route::{Address, Endpoint},
    service::Inner,
};

impl Endpoint {
    /// `GET` and `DELETE /users/me`
    pub const ME: Self = Self(&Address::new("/users/me", &[me::GET, me::DELETE]));
    /// `POST /users/me/password`
    pub const CHANGE_PASSWORD: Self = Self(&Address::new("/users/me/password", &[password::ROUTE]));
    /// `GET /users/me/export`
    pub const EXPORT: Self = Self(&Address::new("/users/me/export", &[export::ROUTE]));
    /// `GET /users/me/events`
    pub const EVENTS: Self = Self(&Address::new("/users/me/events", &[events::ROUTE]));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::ME, Endpoint::CHANGE_PASSWORD, Endpoint::EXPORT, Endpoint::EVENTS],
    schemas,
    ..Doors::tagged(Tag::ACCOUNT)
};

fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    [me::schema(), password::schema(service)].into_iter().chain(export::schemas()).collect()
}
