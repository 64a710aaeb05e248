//! `POST /sign-out`.

use super::ask::{Answered, Ask};
use crate::endpoint;

/// As `POST /logout` does it.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let service = &ask.pages.service;
    endpoint::sign_out(service, ask.headers(), &ask.client).await?;
    endpoint::clear_session_cookies(service, &mut ask.jar);
    service.cookies.challenge.clear(&mut ask.jar);
    Ask::go(&ask.at("/sign-in?told=signed_out"))
}
