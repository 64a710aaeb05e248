//! `POST /sign-out`.

use super::ask::{Answered, Ask};
use crate::endpoint;

/// As `POST /logout` does it.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let service = &ask.pages.service;
    endpoint::sign_out(service, ask.headers(), &ask.client).await?;
    let cookies = service.cookies;
    cookies.refresh.clear(&mut ask.jar);
    cookies.challenge.clear(&mut ask.jar);
    Ask::go(&ask.at("/sign-in?told=signed_out"))
}
