//! `/reset`: a new password, by a link in a mail.

use askama::Template;

use super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    sign_in,
    texts::fill,
    view::{Frame, Input},
};
use crate::{endpoint, navigation, problem::Problem};

pub(super) const PATH: &str = "/reset";

#[derive(Template)]
#[template(path = "reset.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    token: Input,
    password: Input,
}

pub(super) fn show(ask: &Ask) -> Answered {
    navigation::only(ask.headers())?;
    is_open(ask)?;
    page(ask, None)
}

/// The same rule as `POST /reset-password`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let token = match ask.token() {
        Ok(token) => token,
        Err(refused) => return again(ask, refused),
    };
    match ask.auth().reset_password(token, ask.field("password"), ask.client.clone()).await {
        Ok(()) => {
            endpoint::clear_session_cookies(&ask.pages.service, &mut ask.jar);
            Ask::go(&format!("{}?told=reset", ask.at(sign_in::PATH)))
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, refused)
        }
    }
}

fn is_open(ask: &Ask) -> Result<(), Problem> {
    if ask.auth().sends_mail() { Ok(()) } else { Err(Problem::not_found()) }
}

fn again(ask: &Ask, refused: Refused) -> Answered {
    let refused = refused.of_fields(&["token", "password"]);
    let page = page(ask, Some(&refused));
    refused.answer(page)
}

fn page(ask: &Ask, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.reset_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let count = ask.auth().config().passwords.min_length.to_string();
    let password = Input::secret("password", texts.new_password, texts, "new-password");
    let page = Page {
        token: ask.token_field(&frame),
        password: password.hint(fill(texts.password_hint, &[("count", &count)])).of(&frame),
        frame,
    };
    Ask::page(&page, &Target::default())
}
