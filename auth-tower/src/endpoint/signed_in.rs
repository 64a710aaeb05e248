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
        (SignIn::Challenge(challenge), Some(page)) => Ok(redirect(&with_challenge(page, &challenge))?),
        // Closed, as every outcome that only a later version knows.
        _ => Err(Error::Internal("a sign-in came to something that no door knows".into()).into()),
    }
}

/// What a sign-in may be answered with instead of tokens.
pub(super) const CODES: &[&str] = &["second_factor_required", "second_factor_enrolment_required"];

pub(super) fn document(service: &Inner, challenge: &Challenge) -> Response<Body> {
    Problem::second_factor(challenge, Some(service.auth.clock().now())).into_response()
}

/// In the fragment, which a browser sends to no server and tells no other page of. `/login/challenge` tells the page the rest, such
/// as what a passkey is to sign, which may be longer than an address.
fn with_challenge(page: &str, challenge: &Challenge) -> String {
    let page = page.split('#').next().unwrap_or_default();
    let (session, methods) = (challenge.auth_session.expose(), challenge.methods.join(","));
    format!("{page}#auth_session={session}&methods={methods}")
}
