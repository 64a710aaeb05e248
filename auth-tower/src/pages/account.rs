//! The account: who somebody is.

use askama::Template;
use auth_core::{EmailVerification, Profile, ProfileChange, User};

use super::{
    ask::{Answered, Ask, Refused},
    language::Languages,
    redirect::Target,
    view::{Frame, Input},
};

#[derive(Template)]
#[template(path = "account.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    email: String,
    /// Whether the address is proved, where anybody wants to know.
    state: Option<&'static str>,
    /// Nothing where there are no profiles.
    profile: Option<Form>,
    /// Whether the address can be changed: not without a mailer.
    has_mail: bool,
    /// Whether there is another link to be had.
    may_prove: bool,
}

struct Form {
    name: Input,
    username: Option<Input>,
    locales: Vec<Choice>,
    locale_error: Option<String>,
}

/// A language to choose.
struct Choice {
    tag: String,
    name: String,
    chosen: bool,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives("").await?;
    let (_, user) = ask.signed_in(who, "").await?;
    let typed = user.profile.as_ref().map(Typed::of);
    let mut frame = ask.frame(ask.texts().account_title, "");
    frame.told = match ask.query.get("told").map(String::as_str) {
        Some("saved") => Some(ask.texts().told_saved),
        Some("link_sent") => Some(ask.texts().told_link_sent),
        Some("email_asked") => Some(ask.texts().told_email_asked),
        Some("verified") => Some(ask.texts().told_verified),
        _ => None,
    };
    page(ask, frame, &user, typed)
}

/// The same rules as `PATCH /users/me`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, user) = ask.signed_in(who, "").await?;
    let typed =
        Typed { name: ask.field("name"), username: ask.field("username"), locale: ask.field("locale") };
    let unless_empty = |text: &str| Some(Some(text.trim().to_owned()).filter(|text| !text.is_empty()));
    let mut change = ProfileChange::default();
    (change.name, change.locale) = (unless_empty(&typed.name), unless_empty(&typed.locale));
    if ask.auth().config().profile.usernames {
        change.username = unless_empty(&typed.username);
    }
    match ask.auth().change_profile(&caller, change, ask.client.clone()).await {
        Ok(_) => Ask::go(&format!("{}?told=saved", ask.at(""))),
        Err(error) => {
            let refused: Refused = ask.refused(error)?;
            let mut frame = ask.frame(ask.texts().account_title, "");
            frame.errors.clone_from(&refused.errors);
            let page = page(ask, frame, &user, Some(typed));
            refused.answer(page)
        }
    }
}

/// What stands in the form.
struct Typed {
    name: String,
    username: String,
    locale: String,
}

impl Typed {
    fn of(profile: &Profile) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self { name: text(&profile.name), username: text(&profile.username), locale: text(&profile.locale) }
    }
}

fn page(ask: &Ask, mut frame: Frame, user: &User, typed: Option<Typed>) -> Answered {
    frame.signed_in = true;
    let profile = typed.map(|typed| form(ask, &frame, typed));
    let asks = ask.auth().config().email_verification != EmailVerification::Off;
    let has_mail = ask.auth().sends_mail();
    let texts = ask.texts();
    let state = if user.email_verified { Some(texts.proved) } else { asks.then_some(texts.not_proved) };
    let page = Page {
        email: user.email.clone(),
        state,
        profile,
        has_mail,
        may_prove: has_mail && asks && !user.email_verified,
        frame,
    };
    Ask::page(&page, &Target::default())
}

fn form(ask: &Ask, frame: &Frame, typed: Typed) -> Form {
    let texts = ask.texts();
    let username = Input::text("username", texts.username, "username").optional(texts).value(typed.username);
    Form {
        name: Input::text("name", texts.name, "name").optional(texts).value(typed.name).of(frame),
        username: ask.auth().config().profile.usernames.then(|| username.of(frame)),
        locales: choices(ask.pages.languages, texts.language_of_browser, &typed.locale),
        locale_error: frame.wrong("locale").map(str::to_owned),
    }
}

/// That of the browser, those of the pages, and the one that the account has where it is none of them.
fn choices(languages: Languages, of_browser: &str, chosen: &str) -> Vec<Choice> {
    let choice =
        |tag: &str, name: &str| Choice { tag: tag.to_owned(), name: name.to_owned(), chosen: tag == chosen };
    let mut choices = vec![choice("", of_browser)];
    choices.extend(languages.0.iter().map(|language| choice(language.tag, language.name)));
    if !choices.iter().any(|choice| choice.chosen) {
        choices.push(choice(chosen, chosen));
    }
    choices
}
