//! Where browsers come back from a provider.

use auth_core::{
    BrowserToken, Error,
    oidc::{Callback, Failure, Outcome, PROVIDER_NOT_FOUND},
};

use super::{cookie::SignInCookie, parameter_described, redirect_described};
use crate::{
    endpoint::{answer::redirect, signed_in},
    navigation,
    openapi::Operation,
    problem::log_rule,
    route::{Answered, Route},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route = Route::get(|call| Box::pin(callback(call)), describe);

/// `GET /oauth/{provider}/callback`: back from the provider, signed in or told why not.
async fn callback(call: Call) -> Answered {
    let (oidc, cookies) = (call.service.oidc()?, SignInCookie::beside(call.service.cookies));
    navigation::only(call.headers())?;
    let callback = Callback::new(call.parameter(), call.raw_query()).client(call.client.clone());
    let cookie = callback.cookie_name();
    let browser = cookie.as_ref().and_then(|name| cookies.read(call.headers(), name));
    let (mut response, is_over) = match oidc.finish(callback.browser(browser.map(BrowserToken::new))).await {
        Ok(finished) => {
            let page = &finished.redirect_to;
            let response = match finished.outcome {
                Outcome::SignedIn(sign_in) => signed_in::answer(&call.service, sign_in, Some(page))?,
                Outcome::Linked => redirect(page)?,
                // Closed, as every outcome that only a later version knows.
                _ => {
                    return Err(
                        Error::Internal("a callback came to something that no door knows".into()).into()
                    );
                }
            };
            (response, true)
        }
        Err(refused) if matches!(refused.error, Error::Refused(PROVIDER_NOT_FOUND)) => {
            return Err(refused.error.into());
        }
        Err(refused) => {
            log_rule(&refused.error, call.client.request_id.as_deref());
            // After a fault of ours the same address can be opened again.
            (redirect(&refused.redirect_to)?, Failure::of(&refused.error).is_some())
        }
    };
    if let (Some(name), true) = (cookie, is_over) {
        cookies.clear(response.headers_mut(), &name);
    }
    Ok(response)
}

fn describe(_: &Inner) -> Operation {
    let parameters = [
        parameter_described("state", "Ours, as it was sent."),
        parameter_described("code", "The provider's, for its token endpoint."),
        parameter_described("iss", "The provider's name (RFC 9207)."),
        parameter_described("error", "Why not."),
    ];
    let answer = "To the page that was asked for: signed in, or with `?error=` and a code.";
    parameters
        .into_iter()
        .fold(Operation::new("callback", "Come back from a provider"), Operation::parameter)
        .describe("Where the provider sends the browser.")
        .answer(302, redirect_described(answer))
        .fails(&["not_found", "not_a_navigation"])
}
