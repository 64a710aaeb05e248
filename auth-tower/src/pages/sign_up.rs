//! `/sign-up`: a new account. Where addresses are proved, nobody learns here which of them have one.

use askama::Template;
use auth_core::{ProfileChange, Register};

use super::{
    ask::{Answered, Ask, Refused},
    oidc::{self, Provider},
    redirect::Target,
    sent, sign_in,
    texts::fill,
    view::{Frame, Input, Kept},
    visitor::Who,
};
use crate::endpoint::{self, SignedUp};

pub(super) const PATH: &str = "/sign-up";
pub(super) const SENT: &str = "/sign-up/sent";

#[derive(Template)]
#[template(path = "sign_up.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    /// Nothing where accounts come from elsewhere.
    form: Option<Form>,
    providers: Vec<Provider>,
    sign_in: String,
}

struct Form {
    name: Option<Input>,
    email: Input,
    password: Input,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let target = ask.target();
    if let Who::Somebody(_) = ask.who_arrives(PATH).await? {
        return Ask::go(target.place(&ask.at("")));
    }
    page(ask, &target, None)
}

/// The same rules as `POST /register`; who has an account then, and no address to prove, is signed in by them.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let target = ask.target();
    if !ask.may_sign_up() {
        return page(ask, &target, None);
    }
    if let Who::Somebody(_) = ask.who().await? {
        return Ask::go(target.place(&ask.at("")));
    }
    let (email, password) = (ask.field("email"), ask.field("password"));
    let mut profile = ProfileChange::default();
    if ask.auth().config().profile.enabled {
        profile.name =
            ask.form.get("name").map(|name| Some(name.trim().to_owned()).filter(|name| !name.is_empty()));
    }
    let register = Register::new(email, password).profile(profile).client(ask.client.clone());
    match endpoint::sign_up(&ask.pages.service, register).await {
        Ok(SignedUp::ByMail) => Ask::go(&target.kept_in(&ask.at(SENT))),
        Ok(SignedUp::Made(user)) => {
            let sign_in = ask.auth().sign_in(user.id, "pwd", ask.client.clone()).await?;
            sign_in::signed_in(ask, sign_in, &target)
        }
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, &target, Some(&refused));
            refused.answer(page)
        }
    }
}

/// Whatever was done, a mail tells it.
pub(super) fn sent(ask: &Ask) -> Answered {
    sent::page(ask, SENT, ask.texts().sent_text)
}

fn page(ask: &Ask, target: &Target, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.sign_up_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let page = Page {
        target: Kept::of(target),
        form: ask.may_sign_up().then(|| form(ask, &frame)),
        providers: oidc::providers(ask, target),
        sign_in: target.kept_in(&ask.at(sign_in::PATH)).into_owned(),
        frame,
    };
    Ask::page(&page, target)
}

fn form(ask: &Ask, frame: &Frame) -> Form {
    let (texts, config) = (ask.texts(), ask.auth().config());
    let count = config.passwords.min_length.to_string();
    let name = Input::text("name", texts.name, "name").optional(texts).value(ask.field("name"));
    Form {
        name: config.profile.enabled.then(|| name.of(frame)),
        email: Input::email(texts.email, "username").value(ask.field("email")).first(frame).of(frame),
        password: Input::password(texts, "new-password")
            .hint(fill(texts.password_hint, &[("count", &count)]))
            .of(frame),
    }
}
