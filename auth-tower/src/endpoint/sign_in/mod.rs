//! Signing up, in and out.

mod login;
mod logout;
mod refresh_token;
mod register;

use serde_json::{Value, json};

#[cfg(feature = "pages")]
pub(crate) use self::{
    login::{held, sign_in},
    logout::sign_out,
    register::{SignedUp, registration_closed, sign_up},
};
use super::Doors;
use crate::{
    openapi::{
        Tag, header,
        shape::{closed, constant, reference, text},
    },
    route::{Address, Endpoint},
    service::Inner,
};

impl Endpoint {
    /// `POST /register`
    pub const REGISTER: Self = Self(&Address::new("/register", &[register::ROUTE]));
    /// `POST /login`
    pub const LOGIN: Self = Self(&Address { speaks_oauth: true, ..Address::new("/login", &[login::ROUTE]) });
    /// `POST /refresh-token`
    pub const REFRESH_TOKEN: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/refresh-token", &[refresh_token::ROUTE]) });
    /// `POST /logout`
    pub const LOGOUT: Self = Self(&Address::new("/logout", &[logout::ROUTE]));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::REGISTER, Endpoint::LOGIN, Endpoint::REFRESH_TOKEN, Endpoint::LOGOUT],
    schemas,
    ..Doors::tagged(Tag::SIGN_IN)
};

/// An answer with tokens, described.
pub(super) fn tokens_described() -> Value {
    json!({
        "description": "The access token; the refresh token is in the cookie only.",
        "headers": {"Set-Cookie": header("Set-Cookie")},
        "content": {"application/json": {"schema": reference("Token")}},
    })
}

fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    let token = closed(&json!({
        "access_token": text(),
        "token_type": constant("bearer"),
        "expires_in": {"type": "integer", "minimum": 1, "description": "Seconds."},
    }));
    [("Token", token)].into_iter().chain([register::schema(service)]).chain(login::schemas()).collect()
}
