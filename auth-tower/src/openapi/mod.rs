//! The description of the endpoints (OpenAPI 3.1), made from the table of routes by which they are served: what is not mounted
//! is not in it.

mod account;
mod admin;
mod operation;
mod other;
mod problems;
mod schemas;
mod sign_in;
mod social;

use serde_json::{Map, Value, json};

use self::operation::Operation;
use crate::{Endpoint, service::Inner, transport::Cookies};

/// What the description tells of this service and not of every one.
pub(crate) struct Facts {
    /// Where the service is mounted.
    pub(crate) prefix: String,
    pub(crate) cookies: Cookies,
    pub(crate) password_min_length: usize,
    /// Registration answers 202.
    pub(crate) verifies_email: bool,
    pub(crate) registration_open: bool,
    /// By the names that stand in addresses.
    pub(crate) providers: Vec<String>,
}

impl Facts {
    pub(crate) fn of(service: &Inner) -> Self {
        let config = service.auth.config();
        Self {
            prefix: service.mounted_at.clone(),
            cookies: service.cookies,
            password_min_length: config.passwords.min_length,
            verifies_email: config.email_verification != auth_core::EmailVerification::Off,
            registration_open: service.registration_open,
            providers: service.providers(),
        }
    }
}

/// The description of these endpoints, and of paths that the host describes itself.
pub(crate) fn document(
    facts: &Facts,
    endpoints: impl Iterator<Item = Endpoint>,
    of_the_host: &[(String, Value)],
) -> Value {
    let mut paths: Map<String, Value> = of_the_host.iter().cloned().collect();
    for endpoint in endpoints {
        let mut item = Map::new();
        if let Some(parameter) = parameter(endpoint.path(), facts) {
            item.insert("parameters".to_owned(), json!([parameter]));
        }
        for (method, operation) in operations(endpoint, facts) {
            item.insert(method.to_owned(), operation.into_value(endpoint));
        }
        paths.insert(endpoint.path().to_owned(), Value::Object(item));
    }
    let server = if facts.prefix.is_empty() { "/" } else { &facts.prefix };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Accounts and sessions",
            "version": CONTRACT,
            "description": ABOUT,
        },
        "servers": [{"url": server}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": paths,
        "components": {
            "schemas": schemas::schemas(facts),
            "headers": operation::headers(),
            "securitySchemes": security_schemes(facts),
        },
    })
}

/// That of the contract, which outlives versions of this crate: no answer tells which of these runs (ASVS 13.4.6).
const CONTRACT: &str = "1.0.0";

const ABOUT: &str = "The access token is for the header `Authorization: Bearer` and belongs in the memory of the client. The \
    refresh token is only ever in a cookie that no script can read.\n\nErrors are problem documents (RFC 9457): act on their \
    member `code`. Members that are not known are ignored, members that are repeated are refused. A request that changes \
    something is refused when it comes from a page of another origin. `HEAD` works wherever `GET` does.";

const TAGS: [(&str, &str); 6] = [
    (operation::SIGN_IN, "Signing up, in and out."),
    (operation::ACCOUNT, "What somebody does to their own account."),
    (operation::MAIL, "Links in mails: proving an address, choosing a new password."),
    (operation::SOCIAL, "Signing in at identity providers."),
    (operation::ADMIN, "What administrators do to accounts: the role `admin` is needed."),
    (operation::SERVICES, "For other services."),
];

fn security_schemes(facts: &Facts) -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token that a login or a refresh answers with.",
        },
        "password": {
            "type": "oauth2",
            "description": "The same token, by address and password (RFC 6749 section 4.3). There is no client id.",
            "flows": {"password": {"tokenUrl": format!("{}/login", facts.prefix), "scopes": {}}},
        },
        "refresh_cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": facts.cookies.refresh.name(),
            "description": "Set by a login; `HttpOnly`, `SameSite=Strict`. A browser sends it by itself.",
        },
    })
}

fn parameter(path: &str, facts: &Facts) -> Option<Value> {
    if path.contains("{id}") {
        Some(json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"},
        }))
    } else if path.contains("{provider}") {
        Some(json!({
            "name": "provider", "in": "path", "required": true,
            "schema": {"enum": facts.providers},
        }))
    } else {
        None
    }
}

/// What can be done at an endpoint; one for each method that it allows, without `HEAD`.
fn operations(endpoint: Endpoint, facts: &Facts) -> Vec<(&'static str, Operation)> {
    match endpoint {
        Endpoint::Register => vec![("post", sign_in::register(facts))],
        Endpoint::Login => vec![("post", sign_in::login())],
        Endpoint::RefreshToken => vec![("post", sign_in::refresh_token())],
        Endpoint::Logout => vec![("post", sign_in::logout())],
        Endpoint::Me => vec![("get", account::me()), ("delete", account::delete_me())],
        Endpoint::ChangePassword => vec![("post", account::change_password())],
        Endpoint::ChangeEmail => vec![("post", account::change_email())],
        Endpoint::Export => vec![("get", account::export())],
        Endpoint::Events => vec![("get", account::events())],
        Endpoint::Sessions => vec![("get", account::sessions()), ("delete", account::end_other_sessions())],
        Endpoint::Session => vec![("delete", account::end_session())],
        Endpoint::RequestVerifyToken => vec![("post", other::request_verify_token())],
        Endpoint::VerifyEmail => vec![("get", other::verify_email_page()), ("post", other::verify_email())],
        Endpoint::ForgotPassword => vec![("post", other::forgot_password())],
        Endpoint::ResetPassword => {
            vec![("get", other::reset_password_page()), ("post", other::reset_password())]
        }
        Endpoint::OauthAuthorize => vec![("get", social::authorize())],
        Endpoint::OauthCallback => vec![("get", social::callback())],
        Endpoint::Identities => vec![("get", social::identities()), ("post", social::link())],
        Endpoint::Identity => vec![("delete", social::unlink())],
        Endpoint::Users => vec![("get", admin::users())],
        Endpoint::User => {
            vec![("get", admin::user()), ("patch", admin::change_user()), ("delete", admin::delete_user())]
        }
        Endpoint::UserSessions => vec![("delete", admin::end_sessions())],
        Endpoint::UserEvents => vec![("get", admin::events())],
        Endpoint::Verify => vec![("get", other::verify())],
        Endpoint::Jwks => vec![("get", other::jwks())],
        Endpoint::OpenApi => vec![("get", other::openapi())],
    }
}

#[cfg(test)]
mod tests;
