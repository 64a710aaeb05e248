//! `/link`: signing in by the link of a mail. In another browser than the one that asked for it, whose account it is is said first:
//! a link that somebody else has sent would sign in to theirs.

use askama::Template;
use auth_core::{
    OneTimeToken,
    email_code::{Confirm, FlowToken},
};

use super::{
    ask::{Answered, Ask, Refused, Stop},
    redirect::Target,
    sign_in,
    texts::fill,
    view::{Frame, Input},
};
use crate::{endpoint, navigation, problem::Problem};

pub(super) const PATH: &str = "/link";
/// Whose account it is was said, and this is the answer.
const SURE: &str = "sure";

#[derive(Template)]
#[template(path = "link.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    text: String,
    token: Input,
    /// The token, of who was told whose account it is.
    asked: Option<String>,
}

pub(super) fn show(ask: &Ask) -> Answered {
    navigation::only(ask.headers())?;
    is_open(ask)?;
    page(ask, None, None)
}

/// The same rules as `POST /login/email/confirm`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let token = match ask.token() {
        Ok(token) => token,
        Err(refused) => return again(ask, refused),
    };
    if !ask.form.contains_key(SURE) {
        let flow = ask.pages.service.cookies.flow.read_one(ask.headers()).map(FlowToken::new);
        let codes = endpoint::email_codes(&ask.pages.service)?;
        match codes.link_owner(&token, flow.as_ref(), ask.client.clone()).await {
            Ok(owner) if owner.is_of_this_browser => {}
            Ok(owner) => return page(ask, Some((owner.email.expose(), &token)), None),
            Err(error) => {
                let refused = ask.refused(error)?;
                return again(ask, refused);
            }
        }
    }
    sign_in_by(ask, token).await
}

async fn sign_in_by(ask: &mut Ask, token: OneTimeToken) -> Answered {
    let service = &ask.pages.service;
    let mut confirm = Confirm::link(token).client(ask.client.clone());
    if let Some(held) = endpoint::held(service, ask.headers()) {
        confirm = confirm.replacing(held);
    }
    match endpoint::email_codes(service)?.confirm(confirm).await {
        Ok(confirmed) => {
            ask.pages.service.cookies.flow.clear(&mut ask.jar);
            let target = Target::of(confirmed.redirect_to.as_deref(), &ask.pages.service.origins);
            sign_in::signed_in(ask, confirmed.sign_in, &target)
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, refused)
        }
    }
}

fn is_open(ask: &Ask) -> Result<(), Stop> {
    if ask.sends_codes() { Ok(()) } else { Err(Problem::not_found().into()) }
}

fn again(ask: &Ask, refused: Refused) -> Answered {
    let refused = refused.of_fields(&["token"]);
    let page = page(ask, None, Some(&refused));
    refused.answer(page)
}

fn page(ask: &Ask, owner: Option<(&str, &OneTimeToken)>, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.link_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let page = Page {
        text: match owner {
            Some((email, _)) => fill(texts.link_of, &[("email", email)]),
            None => texts.link_text.to_owned(),
        },
        token: ask.token_field(&frame),
        asked: owner.map(|(_, token)| token.expose().to_owned()),
        frame,
    };
    Ask::page(&page, &Target::default())
}
