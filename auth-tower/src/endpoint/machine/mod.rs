//! Machines: the keys of people, service accounts, and what OAuth 2 clients ask for.

mod client;
mod document;
mod introspect;
mod metadata;
mod own;
mod service;
mod token;

use auth_core::{ADMIN_ROLE, Auth, Principal, machine::Account};
use http::StatusCode;
use serde_json::json;

use self::document::ServiceDocument;
use super::{Doors, answer::json, document::UserDocument};
use crate::{
    openapi::Tag,
    route::{Address, Answered, Endpoint},
    service::Inner,
};

impl Endpoint {
    /// `GET` and `POST /users/me/api-keys`
    pub const API_KEYS: Self = Self(&Address::new("/users/me/api-keys", &[own::LIST, own::CREATE]));
    /// `DELETE /users/me/api-keys/{id}`
    pub const API_KEY: Self = Self(&Address::of_one("/users/me/api-keys/{id}", &[own::END]));
    /// `POST /users/me/api-keys/{id}/rotate`
    pub const ROTATE_API_KEY: Self = Self(&Address::of_one("/users/me/api-keys/{id}/rotate", &[own::ROTATE]));
    /// `GET` and `POST /service-accounts`, for administrators
    pub const SERVICE_ACCOUNTS: Self =
        Self(&Address::new("/service-accounts", &[service::LIST, service::CREATE]));
    /// `GET`, `PATCH` and `DELETE /service-accounts/{id}`, for administrators
    pub const SERVICE_ACCOUNT: Self =
        Self(&Address::of_one("/service-accounts/{id}", &[service::SHOW, service::CHANGE, service::DELETE]));
    /// `GET` and `POST /service-accounts/{id}/api-keys`, for administrators
    pub const SERVICE_API_KEYS: Self =
        Self(&Address::of_one("/service-accounts/{id}/api-keys", &[service::LIST_KEYS, service::CREATE_KEY]));
    /// `DELETE /api-keys/{id}`, of anybody, for administrators
    pub const ANY_API_KEY: Self = Self(&Address::of_one("/api-keys/{id}", &[service::END_KEY]));
    /// `POST /api-keys/{id}/rotate`, of a service account, for administrators
    pub const ROTATE_SERVICE_API_KEY: Self =
        Self(&Address::of_one("/api-keys/{id}/rotate", &[service::ROTATE_KEY]));
    /// `POST /oauth/token`
    pub const TOKEN: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/oauth/token", &[token::ISSUE]) });
    /// `POST /oauth/revoke`
    pub const REVOKE: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/oauth/revoke", &[token::REVOKE]) });
    /// `POST /oauth/introspect`
    pub const INTROSPECT: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/oauth/introspect", &[introspect::ROUTE]) });
    /// `GET /.well-known/oauth-authorization-server`; needs an issuer that is an https URL, or of this machine
    pub const METADATA: Self =
        Self(&Address::new("/.well-known/oauth-authorization-server", &[metadata::ROUTE]));
}

/// What people do with keys of their own.
pub(crate) const OWN: Doors = Doors {
    endpoints: &[Endpoint::API_KEYS, Endpoint::API_KEY, Endpoint::ROTATE_API_KEY],
    open: are_on,
    schemas: |service| document::key_schemas(service).into(),
    codes: &[
        ("api_key_rotated", 409, "another key has taken its place already"),
        ("api_key_limit", 409, "there are too many keys"),
    ],
    ..Doors::tagged(Tag::ACCOUNT)
};

/// What administrators do with those of services.
pub(crate) const ADMINISTRATION: Doors = Doors {
    endpoints: &[
        Endpoint::SERVICE_ACCOUNTS,
        Endpoint::SERVICE_ACCOUNT,
        Endpoint::SERVICE_API_KEYS,
        Endpoint::ANY_API_KEY,
        Endpoint::ROTATE_SERVICE_API_KEY,
    ],
    open: are_on,
    schemas: |_| document::service_schemas().into(),
    ..Doors::tagged(Tag {
        name: "Service accounts",
        description: "Accounts of programs, and their keys: the role `admin` is needed.",
    })
};

/// What clients of OAuth 2 ask for.
pub(crate) const OAUTH: Doors = Doors {
    endpoints: &[Endpoint::TOKEN, Endpoint::REVOKE, Endpoint::INTROSPECT],
    open: are_on,
    schemas: |_| token::schemas().into_iter().chain([introspect::schema()]).collect(),
    codes: &[
        ("unauthorized_client", 400, "only a service account gets a token for its key"),
        ("invalid_scope", 400, "the key is not for all that was asked for"),
        ("invalid_client", 401, "the id or the key of the client is missing, or not good"),
    ],
    ..Doors::tagged(Tag::SERVICES)
};

pub(crate) const METADATA: Doors = Doors {
    endpoints: &[Endpoint::METADATA],
    open: |auth| are_on(auth) && metadata::is_url(&auth.config().tokens.issuer),
    schemas: |_| vec![metadata::schema()],
    ..Doors::tagged(Tag::SERVICES)
};

fn are_on(auth: &Auth) -> bool {
    auth.machines().is_some()
}

/// `GET /users/me` by a machine: whose key it is.
pub(super) async fn who(service: &Inner, caller: &Principal) -> Answered {
    let machines = service.machines()?;
    Ok(match machines.account(caller).await? {
        Account::Person(mut user) => {
            // As the machine has it.
            user.roles.retain(|role| role != ADMIN_ROLE || caller.has_scope(ADMIN_ROLE));
            json(StatusCode::OK, &UserDocument::of(&user))
        }
        Account::Service(account) => json(StatusCode::OK, &ServiceDocument::of(&account)),
    })
}

/// A key as an example.
fn example() -> serde_json::Value {
    json!({"name": "nightly export", "scopes": ["read:todos"], "expires_in_days": 90})
}
