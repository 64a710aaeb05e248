//! `/sign-in`: by address, or user name, and password.

use askama::Template;
use auth_core::{Error, Login, SignIn};

use super::{
    ask::{Answered, Ask, Refused},
    code,
    factor::challenge,
    oidc::{self, Provider},
    redirect::Target,
    view::{Frame, Input, Kept},
    visitor::Who,
};
use crate::endpoint;

pub(super) const PATH: &str = "/sign-in";

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    email: Input,
    password: Input,
    /// The way to a new password, where there is mail.
    code: Option<String>,
    forgot: Option<String>,
    passkey: Option<Passkey>,
    providers: Vec<Provider>,
    may_sign_up: bool,
    sign_up: String,
}

/// What the script signs in with a passkey by.
struct Passkey {
    doors: String,
    next: String,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let target = ask.target();
    // Who is asked for a second factor may sign in as somebody else.
    if let Who::Somebody(_) = ask.who_arrives(PATH).await? {
        return Ask::go(target.place(&ask.at("")));
    }
    page(ask, &target, None)
}

/// The same rule, throttling, gate and cookies as `POST /login`.
pub(super) async fn send(ask: &mut Ask) -> Answered {
    let (target, texts) = (ask.target(), ask.texts());
    let (identifier, password) = (ask.field("email"), ask.field("password"));
    if identifier.is_empty() {
        return again(ask, &target, Ask::wrong("email", texts.enter_email));
    }
    if password.is_empty() {
        return again(ask, &target, Ask::wrong("password", texts.enter_password));
    }
    let service = &ask.pages.service;
    let held = endpoint::held(service, ask.headers());
    let login = Login::new(identifier, password).client(ask.client.clone());
    match endpoint::sign_in(service, login, held).await {
        Ok(sign_in) => signed_in(ask, sign_in, &target),
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, &target, refused)
        }
    }
}

/// Whatever a first factor has come to.
pub(super) fn signed_in(ask: &mut Ask, sign_in: SignIn, target: &Target) -> Answered {
    match sign_in {
        SignIn::Granted(tokens) => {
            endpoint::token_cookies(&ask.pages.service, &tokens, &mut ask.jar);
            Ask::go(target.place(&ask.at("")))
        }
        SignIn::Challenge(challenge) => challenge::begin(ask, &challenge, target),
        // Closed, as every outcome that only a later version knows.
        _ => Err(Error::Internal("a sign-in came to something that no page knows".into()).into()),
    }
}

fn again(ask: &Ask, target: &Target, refused: Refused) -> Answered {
    let page = page(ask, target, Some(&refused));
    refused.answer(page)
}

fn page(ask: &Ask, target: &Target, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let config = ask.auth().config();
    let mut frame = ask.frame(texts.sign_in_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    if let Some(failure) = oidc::failure(ask).filter(|_| refused.is_none()) {
        frame.errors = Ask::wrong_form(failure).errors;
    }
    frame.told = match ask.query.get("told").map(String::as_str) {
        Some("signed_out") => Some(texts.told_signed_out),
        Some("expired") => Some(texts.told_expired),
        Some("reset") => Some(texts.told_reset),
        Some("verified") => Some(texts.told_verified),
        Some("stopped") => Some(texts.told_stopped),
        Some("deleted") => Some(texts.told_deleted),
        _ => None,
    };
    // Browsers offer passkeys where this is the name of a field (WebAuthn, conditional mediation).
    let autocomplete = if ask.passkey_doors().is_some() { "username webauthn" } else { "username" };
    let email = if config.profile.usernames {
        Input::text("email", texts.email_or_username, autocomplete)
    } else {
        Input::email(texts.email, autocomplete)
    };
    let page = Page {
        target: Kept::of(target),
        email: email.value(ask.field("email")).first(&frame).of(&frame),
        password: Input::password(texts, "current-password").of(&frame),
        code: ask.sends_codes().then(|| target.kept_in(&ask.at(code::PATH)).into_owned()),
        forgot: ask.may_forget().then(|| ask.at("/forgot")),
        passkey: ask
            .passkey_doors()
            .map(|doors| Passkey { doors, next: target.place(&ask.at("")).to_owned() }),
        providers: oidc::providers(ask, target),
        may_sign_up: ask.may_sign_up(),
        sign_up: target.kept_in(&ask.at("/sign-up")).into_owned(),
        frame,
    };
    Ask::page(&page, target)
}
