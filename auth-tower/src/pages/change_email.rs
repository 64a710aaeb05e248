//! `/email`: another address.

use askama::Template;
use auth_core::{Principal, User};

use super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    view::{Frame, Input},
};
use crate::problem::Problem;

pub(super) const PATH: &str = "/email";

#[derive(Template)]
#[template(path = "email.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    now: String,
    email: Input,
    password: Option<Input>,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let who = ask.who_arrives(PATH).await?;
    let (caller, user) = ask.signed_in(who, PATH).await?;
    page(ask, &caller, &user, None).await
}

/// The same rules as `POST /users/me/email`: nothing changes until the link in the mail is followed.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    is_open(ask)?;
    let who = ask.who().await?;
    let (caller, user) = ask.signed_in(who, PATH).await?;
    let (email, password) = (ask.field("email"), ask.password_again());
    match ask.auth().request_email_change(&caller, email, password, ask.client.clone()).await {
        Ok(()) => Ask::go(&format!("{}?told=email_asked", ask.at(""))),
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, PATH)?;
            let page = page(ask, &caller, &user, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

/// Not without a mailer.
fn is_open(ask: &Ask) -> Result<(), Problem> {
    if ask.auth().sends_mail() { Ok(()) } else { Err(Problem::not_found()) }
}

async fn page(ask: &Ask, caller: &Principal, user: &User, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.change_email, PATH);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let email = Input::email(texts.new_email, "email").value(ask.field("email"));
    let page = Page {
        now: user.email.clone(),
        email: email.first(&frame).of(&frame),
        password: ask.password_field(caller, &frame).await?,
        frame,
    };
    Ask::page(&page, &Target::default())
}
