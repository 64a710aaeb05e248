//! `/forgot`: a link to choose a new password, by mail. Nobody learns here which addresses have an account.

use askama::Template;

use super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    sent, sign_in,
    view::{Frame, Input},
};
use crate::{navigation, problem::Problem};

pub(super) const PATH: &str = "/forgot";
pub(super) const SENT: &str = "/forgot/sent";

#[derive(Template)]
#[template(path = "forgot.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    email: Input,
    sign_in: String,
}

pub(super) fn show(ask: &Ask) -> Answered {
    navigation::only(ask.headers())?;
    is_open(ask)?;
    page(ask, None)
}

/// The same rule as `POST /forgot-password`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let email = ask.field("email");
    if email.is_empty() {
        let refused = Ask::wrong("email", ask.texts().enter_email);
        let page = page(ask, Some(&refused));
        return refused.answer(page);
    }
    match ask.auth().forgot_password(email, ask.client.clone()).await {
        Ok(()) => Ask::go(&ask.at(SENT)),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, Some(&refused));
            refused.answer(page)
        }
    }
}

pub(super) fn sent(ask: &Ask) -> Answered {
    sent::page(ask, SENT, ask.texts().forgot_sent)
}

/// Not without a mailer.
fn is_open(ask: &Ask) -> Result<(), Problem> {
    if ask.may_forget() { Ok(()) } else { Err(Problem::not_found()) }
}

fn page(ask: &Ask, refused: Option<&Refused>) -> Answered {
    let mut frame = ask.frame(ask.texts().forgot_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let email = Input::email(ask.texts().email, "username").value(ask.field("email"));
    let page = Page { email: email.first(&frame).of(&frame), sign_in: ask.at(sign_in::PATH), frame };
    Ask::page(&page, &Target::default())
}
