//! Where browsers leave for a provider, and where they come back.

use std::collections::BTreeMap;

use auth_core::{
    BrowserToken, ClientInfo, Error, SignIn,
    oidc::{Authorization, Callback, Failure, Oidc, Outcome, PROVIDER_NOT_FOUND, Start},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::LOCATION};

use super::token_cookies;
use crate::{
    Body,
    problem::{Problem, log_rule},
    service::{Inner, Refusal},
};

/// `GET /oauth/{provider}/authorize?redirect_to=`: on to the provider.
pub(crate) async fn authorize(
    service: &Inner,
    oidc: &Oidc,
    provider: &str,
    headers: &HeaderMap,
    mut query: BTreeMap<String, String>,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let (redirect_to, request_id) = (query.remove("redirect_to"), client.request_id.clone());
    let start = start(service, provider, redirect_to.clone(), headers, client);
    match oidc.start(start).await {
        Ok(authorization) => {
            let mut response = redirect(&authorization.url)?;
            set_cookie(service, headers, &mut response, &authorization);
            Ok(response)
        }
        // A mistake of who wrote the link: there is no page to trust with it.
        Err(error @ (Error::Refused(PROVIDER_NOT_FOUND) | Error::Validation(_))) => Err(error.into()),
        Err(error) => {
            log_rule(&error, request_id.as_deref());
            redirect(&oidc.error_page(redirect_to.as_deref(), &error))
        }
    }
}

/// `GET /oauth/{provider}/callback`: back from the provider, signed in or told why not.
pub(crate) async fn callback(
    service: &Inner,
    oidc: &Oidc,
    provider: &str,
    headers: &HeaderMap,
    query: &str,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let request_id = client.request_id.clone();
    let callback = Callback::new(provider, query).client(client);
    let cookie = callback.cookie_name();
    let browser = cookie.as_ref().and_then(|name| service.cookies.sign_in.read(headers, name));
    let (mut response, is_over) = match oidc.finish(callback.browser(browser.map(BrowserToken::new))).await {
        Ok(finished) => {
            let mut response = redirect(&finished.redirect_to)?;
            match finished.outcome {
                Outcome::SignedIn(SignIn::Granted(tokens)) => {
                    token_cookies(service.cookies, &tokens, response.headers_mut());
                }
                Outcome::Linked => {}
                // No rule asks for a second factor yet. Closed, should one ever do so while there is no door for it.
                _ => return Err(Problem::internal().into()),
            }
            (response, true)
        }
        Err(refused) if matches!(refused.error, Error::Refused(PROVIDER_NOT_FOUND)) => {
            return Err(refused.error.into());
        }
        Err(refused) => {
            log_rule(&refused.error, request_id.as_deref());
            // After a fault of ours the same address can be opened again.
            (redirect(&refused.redirect_to)?, Failure::of(&refused.error).is_some())
        }
    };
    if let (Some(name), true) = (cookie, is_over) {
        service.cookies.sign_in.clear(response.headers_mut(), &name);
    }
    Ok(response)
}

pub(super) fn start(
    service: &Inner,
    provider: &str,
    redirect_to: Option<String>,
    headers: &HeaderMap,
    client: ClientInfo,
) -> Start {
    let mut start = Start::new(provider).client(client);
    if let Some(page) = redirect_to {
        start = start.redirect_to(page);
    }
    // No two sessions in one jar. The jar does not send it along on the way back, which leads through another site.
    match service.cookies.refresh.read_one(headers) {
        Some(token) => start.replacing(token.into()),
        None => start,
    }
}

pub(super) fn set_cookie(
    service: &Inner,
    headers: &HeaderMap,
    response: &mut Response<Body>,
    authorization: &Authorization,
) {
    let cookie = service.cookies.sign_in;
    for name in cookie.too_many(headers) {
        cookie.clear(response.headers_mut(), name);
    }
    let Authorization { cookie_name, browser, expires_in, .. } = authorization;
    cookie.set(response.headers_mut(), cookie_name, browser.expose(), *expires_in);
}

fn redirect(to: &str) -> Result<Response<Body>, Refusal> {
    let location = HeaderValue::try_from(to).map_err(|_| Problem::internal())?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
