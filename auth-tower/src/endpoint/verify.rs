//! For proxies that ask before they let a request through (nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`).

use std::future::ready;

use auth_core::Principal;
use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::{Doors, answer::no_content};
use crate::{
    openapi::{Operation, Tag},
    route::{Address, Answered, Caller, Endpoint, Route},
    service::{Call, Inner},
};

impl Endpoint {
    /// `GET /verify`
    pub const VERIFY: Self = Self(&Address {
        for_proxies: true,
        ..Address::new(
            "/verify",
            &[Route::get(|mut call| Box::pin(ready(verify(&mut call))), describe).open_to(Caller::Bounded)],
        )
    });
}

pub(crate) const DOORS: Doors = Doors { endpoints: &[Endpoint::VERIFY], ..Doors::tagged(Tag::SERVICES) };

/// `GET /verify`: whether the bearer token is good, and whose it is, in headers.
///
/// Reads no database. What has ended is refused as soon as this process knows: at once if it happened here, else
/// after the next poll of [`Auth::run_background`](auth_core::Auth::run_background), and when the token
/// expires if the host runs none.
fn verify(call: &mut Call) -> Answered {
    let caller = call.caller()?;
    let mut response = no_content();
    for (name, value) in about(&caller) {
        // Ids and role names are visible ASCII, so there is always a value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

fn about(caller: &Principal) -> [(HeaderName, String); 3] {
    [
        (HeaderName::from_static("x-auth-user"), caller.user_id().to_string()),
        (HeaderName::from_static("x-auth-session"), caller.session_id().to_string()),
        (HeaderName::from_static("x-auth-roles"), caller.roles().join(",")),
    ]
}

fn describe(_: &Inner) -> Operation {
    let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    Operation::new("verify", "Is this token good")
        .describe("For proxies that ask before they let a request through. Reads no database.")
        .answer(
            204,
            json!({
                "description": "It is, and it is theirs:",
                "headers": {
                    "X-Auth-User": header("The id of the user."),
                    "X-Auth-Session": header("The id of the session."),
                    "X-Auth-Roles": header("With commas between."),
                },
            }),
        )
}
