//! For proxies that ask before they let a request through (nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`).

use std::future::ready;

use auth_core::{Caller as Whom, Principal, machine::is_scope};
use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::{
    Doors,
    answer::no_content,
    asked::{self, Asked, Shown, parameter, parameters},
};
use crate::{
    openapi::{Operation, Tag},
    problem::Problem,
    route::{Address, Answered, Caller, Endpoint, Route},
    service::{Call, Inner},
};

impl Endpoint {
    /// `GET /verify`
    pub const VERIFY: Self = Self(&Address {
        for_proxies: true,
        ..Address::new(
            "/verify",
            &[Route::get(|mut call| Box::pin(ready(verify(&mut call))), describe)
                .open_to(Caller::Bounded)
                .and_machines()],
        )
    });
}

pub(crate) const DOORS: Doors = Doors { endpoints: &[Endpoint::VERIFY], ..Doors::tagged(Tag::SERVICES) };

/// `GET /verify?acr=&max_age=&role=&scope=&caller=`: whether the bearer token is good, and whose it is, in headers; and whether it
/// has what the parameters ask for. A machine is let through only where `scope` or `caller` asks for it.
///
/// Reads no database, but for a key once in the time of a poll. What has ended is refused as soon as this process knows: at once if it happened here, else
/// after the next poll of [`Auth::run_background`](auth_core::Auth::run_background), and when the token
/// expires if the host runs none.
fn verify(call: &mut Call) -> Answered {
    let caller = call.caller()?;
    Wanted::of(call)?.of_caller(&caller, call)?;
    let mut response = no_content();
    for (name, value) in about(&caller) {
        // Ids and role names are visible ASCII, so there is always a value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// What a proxy asks for besides, and of whom.
struct Wanted {
    asked: Asked,
    scope: Option<String>,
    /// Whoever it is, or one of the two.
    #[expect(clippy::option_option, reason = "not asked, any, or one of them")]
    caller: Option<Option<Whom>>,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, Problem> {
        let not_understood = || {
            Problem::malformed("The parameters are acr, max_age, role, scope and caller, each of them good.")
        };
        let mut query = parameters(call, not_understood)?;
        let asked = Asked::take(&mut query).ok_or_else(not_understood)?;
        let scope = query.remove("scope");
        if scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
            return Err(not_understood());
        }
        let caller = query.remove("caller").map(|name| match name.as_str() {
            "any" => Ok(None),
            "person" => Ok(Some(Whom::Person)),
            "service" => Ok(Some(Whom::Service)),
            _ => Err(not_understood()),
        });
        if !query.is_empty() {
            return Err(not_understood());
        }
        Ok(Self { asked, scope, caller: caller.transpose()? })
    }

    fn of_caller(&self, caller: &Principal, call: &Call) -> Result<(), Problem> {
        let is_machine = caller.session_id().is_none();
        let asks_presence = self.asked.level.is_some() || self.asked.max_age.is_some();
        if is_machine && (asks_presence || (self.scope.is_none() && self.caller.is_none())) {
            return Err(Problem::session_required());
        }
        let is_other = self.caller.flatten().is_some_and(|whom| whom != caller.caller());
        if is_other || self.scope.as_deref().is_some_and(|scope| !caller.has_scope(scope)) {
            return Err(Problem::forbidden());
        }
        let shown = Shown {
            assurance: caller.assurance(),
            authenticated_at: caller.authenticated_at(),
            roles: caller.roles(),
        };
        Ok(self.asked.of(&shown, call.service.auth.clock().now())?)
    }
}

/// Each of them in any case: what is not sent, a proxy may take from the request.
fn about(caller: &Principal) -> [(HeaderName, String); 5] {
    let session = caller.session_id().map(|session| session.to_string());
    [
        (HeaderName::from_static("x-auth-user"), caller.user_id().to_string()),
        (HeaderName::from_static("x-auth-session"), session.unwrap_or_default()),
        (HeaderName::from_static("x-auth-roles"), caller.roles().join(",")),
        (HeaderName::from_static("x-auth-scope"), caller.scopes().join(" ")),
        (HeaderName::from_static("x-auth-caller"), caller.caller().name().to_owned()),
    ]
}

fn describe(_: &Inner) -> Operation {
    let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    let operation = asked::describe(Operation::new("verify", "Is this token good"));
    [
        parameter(
            "scope",
            "By who is signed in, or by a machine whose key is for this.",
            &json!({"type": "string", "pattern": "^[a-z0-9:._-]{1,64}$"}),
        ),
        parameter(
            "caller",
            "By anybody, or by one kind: machines are let through as well.",
            &json!({"type": "string", "enum": ["any", "person", "service"]}),
        ),
    ]
    .into_iter()
    .fold(operation, Operation::parameter)
    .describe("For proxies that ask before they let a request through. Reads no database, but for a key once in the time of a poll. Machines \
         are let through only where `scope` or `caller` asks for them.")
    .answer(
        204,
        json!({
            "description": "It is, and it is theirs:",
            "headers": {
                "X-Auth-User": header("The id of the user, or of the service account."),
                "X-Auth-Session": header("The id of the session; nothing of a machine."),
                "X-Auth-Roles": header("With commas between."),
                "X-Auth-Scope": header("What a machine's key is for, with spaces between; nothing of who is signed in."),
                "X-Auth-Caller": header("`person` or `service`."),
            },
        }),
    )
}
