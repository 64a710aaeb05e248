//! `/code`: signing in by a code that is sent by mail. Nobody learns here which addresses have an account.

use askama::Template;
use auth_core::{
    Error, destination,
    email_code::{Confirm, FlowToken, Start},
    refusal::INVALID_CODE,
};

use super::{
    ask::{Answered, Ask, Refused, Stop},
    redirect::Target,
    sign_in,
    view::{Frame, Input, Kept},
    visitor::Who,
};
use crate::{endpoint, problem::Problem};

pub(super) const PATH: &str = "/code";
/// The address that a code was asked for.
const ASKED: &str = "asked";

#[derive(Template)]
#[template(path = "code.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    text: &'static str,
    asked: Option<String>,
    field: Input,
    button: &'static str,
    /// An address and what it is called.
    after: (String, &'static str),
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let target = ask.target();
    if let Who::Somebody(_) = ask.who_arrives(PATH).await? {
        return Ask::go(target.place(&ask.at("")));
    }
    page(ask, &target, None, None)
}

/// The same rules as `POST /login/email` and `POST /login/email/confirm`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let target = ask.target();
    match ask.form.get(ASKED).cloned() {
        Some(email) => confirm(ask, email, &target).await,
        None => start(ask, &target).await,
    }
}

/// There is no page to go to: the code is asked for beside the address, which stands in no address of a page.
async fn start(ask: &mut Ask, target: &Target) -> Answered {
    let email = ask.field("email");
    if email.is_empty() {
        let refused = Ask::wrong("email", ask.texts().enter_email);
        return again(ask, target, None, refused);
    }
    let codes = endpoint::email_codes(&ask.pages.service)?;
    let mut start = Start::new(email.clone()).client(ask.client.clone());
    // For whoever follows the link: not every page may be one that a mail leads to.
    let origins = &ask.auth().config().email_codes.redirect_origins;
    let place =
        target.field().filter(|place| destination(place, origins.iter().map(String::as_str)).is_some());
    if let Some(place) = place {
        start = start.redirect_to(place);
    }
    match codes.start(start).await {
        Ok(flow) => {
            ask.pages.service.cookies.flow.set(&mut ask.jar, flow.token.expose(), flow.expires_in);
            page(ask, target, Some(email), None)
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, target, None, refused)
        }
    }
}

async fn confirm(ask: &mut Ask, email: String, target: &Target) -> Answered {
    let (service, code) = (&ask.pages.service, ask.field("code"));
    if code.is_empty() {
        let refused = Ask::wrong("code", ask.texts().enter_code);
        return again(ask, target, Some(email), refused);
    }
    let flow = service.cookies.flow.read_one(ask.headers()).map(FlowToken::new);
    let mut confirm = Confirm::code(email.clone(), code, flow).client(ask.client.clone());
    if let Some(token) = endpoint::held(service, ask.headers()) {
        confirm = confirm.replacing(token);
    }
    match endpoint::email_codes(service)?.confirm(confirm).await {
        Ok(confirmed) => {
            ask.pages.service.cookies.flow.clear(&mut ask.jar);
            sign_in::signed_in(ask, confirmed.sign_in, target)
        }
        Err(Error::Refused(INVALID_CODE)) => {
            let refused = Ask::wrong("code", ask.texts().wrong_mail_code);
            again(ask, target, Some(email), refused)
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, target, Some(email), refused)
        }
    }
}

fn is_open(ask: &Ask) -> Result<(), Stop> {
    if ask.sends_codes() { Ok(()) } else { Err(Problem::not_found().into()) }
}

fn again(ask: &Ask, target: &Target, asked: Option<String>, refused: Refused) -> Answered {
    let page = page(ask, target, asked, Some(&refused));
    refused.answer(page)
}

fn page(ask: &Ask, target: &Target, asked: Option<String>, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.mail_code_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let (text, button, after) = match asked {
        Some(_) => (texts.mail_code_sent, texts.sign_in, (PATH, texts.mail_code_another)),
        None => (texts.mail_code_text, texts.mail_code_send, (sign_in::PATH, texts.back)),
    };
    let field = match asked {
        Some(_) => Input::text("code", texts.code, "one-time-code").inputmode("numeric"),
        None => Input::email(texts.email, "username").value(ask.field("email")),
    };
    let field = field.first(&frame).of(&frame);
    let after = (target.kept_in(&ask.at(after.0)).into_owned(), after.1);
    let page = Page { target: Kept::of(target), text, asked, field, button, after, frame };
    Ask::page(&page, target)
}
