//! `/verify`: an address is proved by a link in a mail; `/stop`: a change of address is stopped by one.

use askama::Template;

use super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    sign_in,
    view::{Frame, Input},
    visitor::Who,
};
use crate::{endpoint, navigation, problem::Problem};

pub(super) const PATH: &str = "/verify";
pub(super) const STOP: &str = "/stop";

#[derive(Template)]
#[template(path = "button.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    action: String,
    text: &'static str,
    token: Input,
    button: &'static str,
}

pub(super) fn show(ask: &Ask) -> Answered {
    may_show(ask)?;
    page(ask, PATH, None)
}

/// The same rules as `POST /verify-email`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    if ask.form.contains_key("again") {
        return send_again(ask).await;
    }
    let token = match ask.token() {
        Ok(token) => token.expose().to_owned(),
        Err(refused) => return again(ask, PATH, refused),
    };
    match endpoint::verify(&ask.pages.service, ask.headers(), token, ask.client.clone()).await {
        Ok(_) => {
            // Whoever was not signed in to the account may see its sessions ended by it.
            let here = if let Who::Somebody(_) = ask.who().await? { "" } else { sign_in::PATH };
            Ask::go(&format!("{}?told=verified", ask.at(here)))
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, PATH, refused)
        }
    }
}

/// Another link, to whoever is signed in: as `POST /request-verify-token` does it.
async fn send_again(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (_, user) = ask.signed_in(who, "").await?;
    ask.auth().request_email_verification(user.email, ask.client.clone()).await?;
    Ask::go(&format!("{}?told=link_sent", ask.at("")))
}

pub(super) fn show_stop(ask: &Ask) -> Answered {
    may_show(ask)?;
    page(ask, STOP, None)
}

/// The same rules as `POST /stop-email-change`.
pub(super) async fn stop(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let token = match ask.token() {
        Ok(token) => token,
        Err(refused) => return again(ask, STOP, refused),
    };
    match ask.auth().stop_email_change(token, ask.client.clone()).await {
        Ok(()) => Ask::go(&format!("{}?told=stopped", ask.at(sign_in::PATH))),
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, STOP, refused)
        }
    }
}

fn may_show(ask: &Ask) -> Result<(), Problem> {
    navigation::only(ask.headers())?;
    is_open(ask)
}

fn is_open(ask: &Ask) -> Result<(), Problem> {
    if ask.auth().sends_mail() { Ok(()) } else { Err(Problem::not_found()) }
}

fn again(ask: &Ask, path: &str, refused: Refused) -> Answered {
    let refused = refused.of_fields(&["token"]);
    let page = page(ask, path, Some(&refused));
    refused.answer(page)
}

fn page(ask: &Ask, path: &str, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let (title, text, button) = if path == STOP {
        (texts.stop_title, texts.stop_text, texts.stop_button)
    } else {
        (texts.verify_title, texts.verify_text, texts.verify_button)
    };
    let mut frame = ask.frame(title, path);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let token = ask.token_field(&frame);
    Ask::page(&Page { action: ask.at(path), text, token, button, frame }, &Target::default())
}
