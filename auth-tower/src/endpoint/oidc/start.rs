//! Where browsers leave for a provider: to sign in, or to link an identity.

use std::{mem, time::Duration};

use auth_core::{
    ClientInfo, Error,
    oidc::{Authorization, PROVIDER_NOT_FOUND, Start},
};
#[cfg(feature = "pages")]
use auth_core::{Password, Principal};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::{cookie::SignInCookie, parameter_described, redirect_described};
#[cfg(feature = "pages")]
use crate::service::Refusal;
use crate::{
    endpoint::{
        answer::{json, redirect},
        fields::{invalid, object, optional_password, optional_text, texts_of},
    },
    navigation,
    openapi::Operation,
    problem::{Problem, log_rule},
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner, Payload},
};

pub(super) const AUTHORIZE: Route = Route::get(|call| Box::pin(authorize(call)), describe_authorize);

pub(super) const LINK: Route = Route::post(|call| Box::pin(link_identity(call)), describe_link)
    .takes(Takes::Json)
    .open_to(Caller::Bearer);

/// `GET /oauth/{provider}/authorize?redirect_to=`: on to the provider.
async fn authorize(call: Call) -> Answered {
    let (oidc, mut query) = (call.service.oidc()?, call.query()?);
    navigation::only(call.headers())?;
    let (redirect_to, max_age) = (query.remove("redirect_to"), query.remove("max_age"));
    let mut start = start(&call, call.parameter(), redirect_to.clone(), call.client.clone());
    if let Some(max_age) = max_age {
        start = start.max_age(seconds(&max_age)?);
    }
    match oidc.start(start).await {
        Ok(authorization) => {
            let mut response = redirect(&authorization.url)?;
            set_cookie(&call.service, call.headers(), response.headers_mut(), &authorization);
            Ok(response)
        }
        // A mistake of who wrote the link: there is no page to trust with it.
        Err(error @ (Error::Refused(PROVIDER_NOT_FOUND) | Error::Validation(_))) => Err(error.into()),
        Err(error) => {
            log_rule(&error, call.client.request_id.as_deref());
            Ok(redirect(&oidc.error_page(redirect_to.as_deref(), &error))?)
        }
    }
}

/// As OpenID Connect has it, and not more than a year.
fn seconds(text: &str) -> Result<Duration, Problem> {
    let is_number = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|seconds| is_number && *seconds <= 366 * 24 * 60 * 60);
    let rule = "must be a number of seconds, and not more than a year";
    seconds.map(Duration::from_secs).ok_or_else(|| invalid("max_age", "invalid_max_age", rule))
}

fn describe_authorize(_: &Inner) -> Operation {
    let redirect_to = "Where to come back: a local path, or a page of a trusted origin.";
    Operation::new("authorize", "Go to a provider and sign in")
        .describe("For a browser to go to, not for a script to fetch, an image or a frame.")
        .parameter(parameter_described("redirect_to", redirect_to))
        .parameter(json!({
            "name": "max_age", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 31_622_400},
            "description": "How many seconds old the sign-in at the provider may be; with 0 the person signs in there again, \
                            for what wants a recent sign-in here.",
        }))
        .answer(302, redirect_described("On to the provider; or to `redirect_to` with `?error=` and a code."))
        .fails(&["not_found", "validation_failed", "not_a_navigation"])
}

#[derive(Serialize)]
struct LinkDocument<'a> {
    authorization_url: &'a str,
}

/// `POST /users/me/identities` `{"provider", "redirect_to", "password"}`: where the page has to go to link an identity.
/// The access token is in the page and in no navigation, so the page asks here and then goes.
async fn link_identity(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let mut object = object(mem::replace(&mut call.payload, Payload::Nothing))?;
    let redirect_to = optional_text(&mut object, "redirect_to")?;
    let password = optional_password(&mut object)?;
    let [provider] = texts_of(object, ["provider"])?;
    let client = call.client.clone().actor(caller.user_id());
    let start = start(&call, &provider, redirect_to, client);
    let authorization = call.service.oidc()?.start_link(&caller, password, start).await?;
    let mut response = json(StatusCode::OK, &LinkDocument { authorization_url: &authorization.url });
    set_cookie(&call.service, call.headers(), response.headers_mut(), &authorization);
    Ok(response)
}

/// The same for whoever is at a page: where the browser has to go, and a cookie in its jar. The session goes on, so it is none that
/// the way back ends.
#[cfg(feature = "pages")]
pub(crate) async fn begin_link(
    service: &Inner,
    (headers, jar): (&HeaderMap, &mut HeaderMap),
    caller: &Principal,
    password: Option<Password>,
    start: Start,
) -> Result<String, Refusal> {
    let authorization = service.oidc()?.start_link(caller, password, start).await?;
    set_cookie(service, headers, jar, &authorization);
    Ok(authorization.url)
}

fn describe_link(_: &Inner) -> Operation {
    let example =
        json!({"provider": "google", "redirect_to": "/settings", "password": "correct horse battery"});
    Operation::new("link_identity", "Add an account elsewhere")
        .describe(
            "Without a password of one's own: within five minutes of a sign-in, at the provider too (`max_age`). Not before the \
             address of the account is proved.",
        )
        .takes("Link", &example)
        .answers_with(200, "Where the browser has to go.", "Authorization")
        .fails(&[
            "validation_failed",
            "verification_needed",
            "not_found",
            "provider_answer_invalid",
            "provider_unavailable",
        ])
        .hashes()
        .wants_proof()
}

fn start(call: &Call, provider: &str, redirect_to: Option<String>, client: ClientInfo) -> Start {
    let mut start = Start::new(provider).client(client);
    if let Some(page) = redirect_to {
        start = start.redirect_to(page);
    }
    // No two sessions in one jar. The jar does not send it along on the way back, which leads through another site.
    match call.service.cookies.refresh.read_one(call.headers()) {
        Some(token) => start.replacing(token.into()),
        None => start,
    }
}

fn set_cookie(service: &Inner, headers: &HeaderMap, jar: &mut HeaderMap, authorization: &Authorization) {
    let cookie = SignInCookie::beside(service.cookies);
    for name in cookie.too_many(headers) {
        cookie.clear(jar, name);
    }
    let Authorization { cookie_name, browser, expires_in, .. } = authorization;
    cookie.set(jar, cookie_name, browser.expose(), *expires_in);
}
