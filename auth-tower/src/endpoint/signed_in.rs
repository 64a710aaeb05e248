//! What a sign-in is answered with, at whatever door.

use auth_core::{Challenge, Error, SignIn};
use http::Response;

use super::answer::{redirect, token_cookies, tokens};
use crate::{Body, problem::Problem, route::Answered, service::Inner};

/// Tokens, or that a second factor is asked for first: as a document, or to a page where a browser has to be sent on.
pub(crate) fn answer(service: &Inner, sign_in: SignIn, page: Option<&str>) -> Answered {
    match (sign_in, page) {
        (SignIn::Granted(granted), None) => Ok(tokens(service, &granted)),
        (SignIn::Granted(granted), Some(page)) => {
            let mut response = redirect(page)?;
            token_cookies(service, &granted, response.headers_mut());
            Ok(response)
        }
        (SignIn::Challenge(challenge), None) => Ok(document(service, &challenge)),
        (SignIn::Challenge(challenge), Some(page)) => Ok(to_second_step(service, page, &challenge)?),
        // Closed, as every outcome that only a later version knows.
        _ => Err(Error::Internal("a sign-in came to something that no door knows".into()).into()),
    }
}

/// What a sign-in may be answered with instead of tokens.
pub(super) const CODES: &[&str] = &["second_factor_required", "second_factor_enrolment_required"];

pub(super) fn document(service: &Inner, challenge: &Challenge) -> Response<Body> {
    Problem::second_factor(challenge, Some(service.auth.clock().now())).into_response()
}

/// Somebody who began on the page for signing in goes on with the one for the second step, which knows what is asked for by the
/// cookie; every other page is told.
fn to_second_step(service: &Inner, page: &str, challenge: &Challenge) -> Result<Response<Body>, Problem> {
    let pages = service.pages.get();
    let kept = pages.and_then(|pages| page.strip_prefix(&**pages)?.strip_prefix("/sign-in"));
    let (Some(pages), Some(kept)) = (pages, kept.filter(|kept| kept.is_empty() || kept.starts_with('?')))
    else {
        return redirect(&with_challenge(page, challenge));
    };
    let mut response = redirect(&format!("{pages}/challenge{kept}"))?;
    let left = challenge.expires_at.duration_since(service.auth.clock().now()).unwrap_or_default();
    service.cookies.challenge.set(response.headers_mut(), challenge.auth_session.expose(), left);
    Ok(response)
}

/// In the fragment, which a browser sends to no server and tells no other page of. `/login/challenge` tells the page the rest, such
/// as what a passkey is to sign, which may be longer than an address.
fn with_challenge(page: &str, challenge: &Challenge) -> String {
    let page = page.split('#').next().unwrap_or_default();
    let (session, methods) = (challenge.auth_session.expose(), challenge.methods.join(","));
    format!("{page}#auth_session={session}&methods={methods}")
}
