//! For proxies in front of applications that know nothing of users: who is signed in, by a cookie of its own.

mod door;
mod proxied;

use auth_core::{BrowserCaller, Error};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

pub use self::door::BrowserDoor;
pub(crate) use self::door::Door;
use self::proxied::Proxied;
use super::{
    Doors,
    answer::{no_content, redirect},
    asked::{self, Asked, Missing, Shown, parameter, parameters},
};
use crate::{
    Body,
    openapi::{Operation, Tag, header},
    page,
    problem::Problem,
    route::{Address, Answered, Endpoint, Route},
    service::{Call, Inner},
};

impl Endpoint {
    /// `GET /verify/browser`; needs [`browser_door`](crate::AuthServiceBuilder::browser_door)
    pub const VERIFY_BROWSER: Self = Self(&Address {
        for_proxies: true,
        ..Address::new(
            "/verify/browser",
            &[Route::get(|call| Box::pin(async move { verify(&call).await }), describe)],
        )
    });
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::VERIFY_BROWSER],
    codes: &[(NOT_KEPT, 403, "the page is of a host that this service keeps no door of")],
    ..Doors::tagged(Tag::SERVICES)
};

const NOT_KEPT: &str = "host_not_kept";
/// Where a page sends the browser to, in answers that do not do it themselves.
const X_AUTH_REDIRECT: HeaderName = HeaderName::from_static("x-auth-redirect");
/// RFC 3986 section 2.3: everything else is written as bytes of UTF-8.
const IN_A_HEADER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// `GET /verify/browser?acr=&max_age=&role=&status=`: whose the browser's cookie is, in headers; or where to sign in.
async fn verify(call: &Call) -> Answered {
    let service = &call.service;
    // It is mounted only where there is one.
    let door = service.browser.as_ref().ok_or_else(Problem::not_found)?;
    let Wanted { asked, redirects } = Wanted::of(call)?;
    let about = Proxied::of(call, door);
    if !about.is_kept() {
        let detail =
            "Pages of this host are not kept here: BROWSER_COOKIE_DOMAIN and TRUSTED_ORIGINS say which are.";
        return Err(Problem::new(StatusCode::FORBIDDEN, NOT_KEPT, detail).into());
    }
    // It is a cookie that lets in, so what another site begins is no wish of who is signed in.
    if let Some(problem) = service.origins.refusal(&about.method, call.headers()) {
        return Err(problem.into());
    }
    let away = |to: &str, problem: Problem| away(&about.back_from(to), about.navigates && redirects, problem);
    let caller = match door.cookie.read_one(call.headers()) {
        Some(token) => service.auth.verify_browser(&token.into()).await,
        None => Err(Error::InvalidToken),
    };
    let caller = match caller {
        Ok(caller) => caller,
        // The sign-in page knows what is missing: everything, or a second factor.
        Err(
            Error::InvalidToken | Error::SessionOver | Error::SecondFactorRequired(_) | Error::Refused(_),
        ) => return away(&door.sign_in, unauthenticated()),
        Err(error) => return Err(error.into()),
    };
    let shown = Shown {
        assurance: caller.assurance,
        authenticated_at: caller.authenticated_at,
        roles: &caller.roles,
    };
    match asked.of(&shown, service.auth.clock().now()) {
        Ok(()) => Ok(told(&caller)),
        Err(Missing::Proof(problem)) => match &door.step_up {
            Some(step_up) => away(step_up, problem),
            None => Err(problem.into()),
        },
        Err(Missing::Role) if about.navigates => {
            Ok(page::with_status(StatusCode::FORBIDDEN, include_str!("no_role.html")))
        }
        Err(missing) => Err(Problem::from(missing).into()),
    }
}

struct Wanted {
    asked: Asked,
    /// Whether the answer itself sends a browser on. Not all proxies pass that on.
    redirects: bool,
}

impl Wanted {
    fn of(call: &Call) -> Result<Self, Problem> {
        let not_understood =
            || Problem::malformed("The parameters are acr, max_age, role and status, each of them good.");
        let mut query = parameters(call, not_understood)?;
        let asked = Asked::take(&mut query).ok_or_else(not_understood)?;
        let redirects = match query.remove("status").as_deref() {
            None => true,
            Some("401") => false,
            Some(_) => return Err(not_understood()),
        };
        if query.is_empty() { Ok(Self { asked, redirects }) } else { Err(not_understood()) }
    }
}

fn unauthenticated() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_token", "Nobody is signed in.")
}

/// To another page, or that there is one.
fn away(to: &str, redirects: bool, problem: Problem) -> Answered {
    if redirects {
        return Ok(redirect(to)?);
    }
    let mut response = problem.into_response();
    let to = HeaderValue::try_from(to).map_err(|_| Problem::internal())?;
    response.headers_mut().insert(X_AUTH_REDIRECT, to);
    Ok(response)
}

/// Each of them in any case: what is not sent, a proxy may take from the request.
fn told(caller: &BrowserCaller) -> Response<Body> {
    let name = utf8_percent_encode(caller.name.as_deref().unwrap_or_default(), IN_A_HEADER).to_string();
    let mut response = no_content();
    for (header, value) in [
        ("x-auth-user", caller.user_id.to_string()),
        ("x-auth-email", caller.email.clone().unwrap_or_default()),
        ("x-auth-name", name),
        ("x-auth-roles", caller.roles.join(",")),
    ] {
        // No address has a control character, so there is always a value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(HeaderName::from_static(header), value);
        }
    }
    response
}

fn describe(_: &Inner) -> Operation {
    let told = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    let status = json!({"type": "integer", "enum": [401]});
    let status = parameter("status", "401: never 302, but 401 with `X-Auth-Redirect`.", &status);
    let page: Value = json!({"text/html": {"schema": {"type": "string"}}});
    asked::describe(Operation::new("verify_browser", "Who is signed in in this browser"))
        .parameter(status)
        .describe(
            "For proxies that ask before they let a request of a browser through to an application that knows nothing of users. By a cookie \
             of its own, which opens nothing else. The request that is asked about is told by `X-Forwarded-Method`, `X-Forwarded-Uri` and \
             `X-Forwarded-Host`, or `X-Original-Method` and `X-Original-URL`, of a proxy that is trusted.",
        )
        .secured_by(json!([{"browser_cookie": []}]))
        .answer(
            204,
            json!({
                "description": "Somebody is:",
                "headers": {
                    "X-Auth-User": told("The id of the user."),
                    "X-Auth-Email": told("The address, if it is proved."),
                    "X-Auth-Name": told("What to call the person, in UTF-8, percent-encoded. Anybody may have any name."),
                    "X-Auth-Roles": told("With commas between."),
                },
            }),
        )
        .answer(
            302,
            json!({
                "description": "Nobody is, and this is somebody who goes to a page: to the page where one signs in.",
                "headers": {"Location": header("Location")},
            }),
        )
        .answer(403, json!({"description": "A page that says that a role is missing.", "content": page}))
        .fails(&["invalid_token", "cross_origin", NOT_KEPT])
        .needs_the_database()
}
