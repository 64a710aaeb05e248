//! What a sign-in is answered with, at whatever door.

use auth_core::{Challenge, Error, SignIn};
use http::Response;
use serde::Serialize;

use super::answer::{redirect, token_cookies, tokens};
use crate::{
    Body,
    problem::{Document, Problem},
    route::Answered,
    service::Inner,
};

/// Tokens, or that a second factor is asked for first: as a document, or to a page where a browser has to be sent on.
pub(crate) fn answer(service: &Inner, sign_in: SignIn, page: Option<&str>) -> Answered {
    match (sign_in, page) {
        (SignIn::Granted(granted), None) => Ok(tokens(service.cookies, &granted)),
        (SignIn::Granted(granted), Some(page)) => {
            let mut response = redirect(page)?;
            token_cookies(service.cookies, &granted, response.headers_mut());
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

#[derive(Serialize)]
struct ChallengeDocument<'a> {
    #[serde(flatten)]
    problem: Document<'a>,
    auth_session: &'a str,
    methods: &'a [&'static str],
    /// Where a passkey is one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    passkey_options: Option<serde_json::Value>,
    expires_in: u64,
}

pub(super) fn document(service: &Inner, challenge: &Challenge) -> Response<Body> {
    let problem = Problem::second_factor(challenge.enrol);
    let left = challenge.expires_at.duration_since(service.auth.clock().now());
    let body = Body::json(&ChallengeDocument {
        problem: Document::of(&problem),
        auth_session: challenge.auth_session.expose(),
        methods: &challenge.methods,
        passkey_options: challenge
            .passkey_options
            .as_ref()
            .and_then(|it| serde_json::from_str(it.json()).ok()),
        expires_in: left.unwrap_or_default().as_secs(),
    });
    problem.response(body)
}

/// In the fragment, which a browser sends to no server and tells no other page of.
fn with_challenge(page: &str, challenge: &Challenge) -> String {
    let page = page.split('#').next().unwrap_or_default();
    let (session, methods) = (challenge.auth_session.expose(), challenge.methods.join(","));
    format!("{page}#auth_session={session}&methods={methods}")
}
