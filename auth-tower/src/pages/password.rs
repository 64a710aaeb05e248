//! `/password`: a new one.

use askama::Template;

use super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    security,
    texts::fill,
    view::{Frame, Input},
};

pub(super) const PATH: &str = "/password";

#[derive(Template)]
#[template(path = "password.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    /// For password managers.
    email: String,
    current: Input,
    new: Input,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(PATH).await?;
    let (_, user) = ask.signed_in(who, PATH).await?;
    page(ask, user.email, None)
}

/// The same rules as `POST /users/me/password`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, user) = ask.signed_in(who, PATH).await?;
    let (current, new) = (ask.field("current_password"), ask.field("new_password"));
    match ask.auth().change_password(&caller, current, new, ask.client.clone()).await {
        Ok(()) => Ask::go(&security::told(ask, "password")),
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, PATH)?;
            let page = page(ask, user.email, Some(&refused));
            refused.answer(page)
        }
    }
}

fn page(ask: &Ask, email: String, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.change_password, PATH);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let count = ask.auth().config().passwords.min_length.to_string();
    let current = Input::secret("current_password", texts.current_password, texts, "current-password");
    let new = Input::secret("new_password", texts.new_password, texts, "new-password");
    let page = Page {
        email,
        current: current.first(&frame).of(&frame),
        new: new.hint(fill(texts.password_hint, &[("count", &count)])).of(&frame),
        frame,
    };
    Ask::page(&page, &Target::default())
}
