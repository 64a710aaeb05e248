//! An authenticator app is set up: before there is a sign-in, where an account has to have a second factor and has none, or by whoever is
//! signed in.

use askama::Template;
use auth_core::{
    AuthSession, Challenge, Error, Password,
    factor::{Method, TOTP_EXISTS},
};

use super::{
    challenge::{self, PATH},
    passkey::{self, PasskeyForm},
};
use crate::{
    endpoint::picture,
    pages::{
        ask::{Answered, Ask, Refused},
        redirect::Target,
        sign_in,
        view::{Frame, Input, Kept},
    },
};

#[derive(Template)]
#[template(path = "enrol.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    /// Where the form goes.
    action: String,
    text: &'static str,
    /// Nothing before it is asked for.
    setup: Option<Setup>,
    takes_app: bool,
    takes_passkey: bool,
    after: (String, &'static str),
}

/// What an app is given.
struct Setup {
    picture: String,
    secret: String,
    uri: String,
    code: Input,
}

/// Of a factor that was just set up.
#[derive(Template)]
#[template(path = "codes.html", config = "src/pages/templates.toml")]
struct Codes {
    frame: Frame,
    list: Vec<Password>,
    next: String,
}

/// Where an app is set up.
pub(in crate::pages) struct Place {
    pub(in crate::pages) path: &'static str,
    pub(in crate::pages) title: &'static str,
    pub(in crate::pages) text: &'static str,
    /// Whether an app can be set up at all.
    pub(in crate::pages) takes_app: bool,
    /// Whether a passkey can be made instead.
    pub(in crate::pages) takes_passkey: bool,
    pub(in crate::pages) signed_in: bool,
    pub(in crate::pages) here: &'static str,
    /// The way out: its address, and what it is called.
    pub(in crate::pages) after: (String, &'static str),
}

/// Makes a secret and shows it: no address of its own, so that nobody makes another by going there once more.
pub(in crate::pages) async fn begin(ask: &mut Ask, session: AuthSession, target: &Target) -> Answered {
    let factors = challenge::factors(ask)?;
    match factors.enrol(session, ask.client.clone()).await {
        Ok(setup) => {
            let setup = (setup.secret.expose().to_owned(), setup.uri.expose().to_owned());
            shown(ask, &of_challenge(ask, target, true, false), target, Some(setup), None)
        }
        Err(Error::InvalidToken | Error::Refused(TOTP_EXISTS)) => challenge::expired(ask),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = shown(ask, &of_challenge(ask, target, true, false), target, None, Some(&refused));
            refused.answer(page)
        }
    }
}

/// A passkey is made instead.
pub(in crate::pages) async fn begin_passkey(
    ask: &mut Ask,
    session: AuthSession,
    target: &Target,
    refused: Option<&Refused>,
) -> Answered {
    let place = of_challenge(ask, target, false, false);
    match challenge::factors(ask)?.enrol_passkey(session, ask.client.clone()).await {
        Ok(options) => {
            let frame = framed(ask, &place, refused);
            let form = PasskeyForm::make(ask, PATH, target, &options, &frame);
            passkey::page(frame, place.text, form, place.after, target)
        }
        Err(Error::InvalidToken | Error::Refused(TOTP_EXISTS)) => challenge::expired(ask),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = shown(ask, &place, target, None, Some(&refused));
            refused.answer(page)
        }
    }
}

/// `setup`: the secret and the address of it that are shown already.
pub(in crate::pages) fn page(
    ask: &Ask,
    challenge: &Challenge,
    target: &Target,
    setup: Option<(String, String)>,
    refused: Option<&Refused>,
) -> Answered {
    let takes = |method: Method| challenge.methods.contains(&method.name());
    let place = of_challenge(ask, target, takes(Method::Totp), takes(Method::Passkey));
    shown(ask, &place, target, setup, refused)
}

fn of_challenge(ask: &Ask, target: &Target, takes_app: bool, takes_passkey: bool) -> Place {
    let texts = ask.texts();
    Place {
        path: PATH,
        title: texts.enrol_title,
        text: if takes_app { texts.enrol_text } else { texts.enrol_passkey_text },
        takes_app,
        takes_passkey,
        signed_in: false,
        here: PATH,
        after: (target.kept_in(&ask.at(sign_in::PATH)).into_owned(), texts.begin_again),
    }
}

/// The codes that stand in for the app: this once.
pub(in crate::pages) fn codes(ask: &Ask, codes: Vec<Password>, next: String, target: &Target) -> Answered {
    let frame = ask.frame(ask.texts().codes_title, "");
    Ask::page(&Codes { frame, list: codes, next }, target)
}

pub(in crate::pages) fn shown(
    ask: &Ask,
    place: &Place,
    target: &Target,
    setup: Option<(String, String)>,
    refused: Option<&Refused>,
) -> Answered {
    let frame = framed(ask, place, refused);
    let setup = match setup {
        Some((secret, uri)) => {
            let svg = picture(&uri)?;
            // Inside a page there is no declaration of XML.
            let picture = svg.find("<svg").and_then(|start| svg.get(start..)).unwrap_or_default().to_owned();
            Some(Setup { picture, secret, uri, code: challenge::code(ask.texts().code, &frame) })
        }
        None => None,
    };
    let page = Page {
        target: Kept::of(target),
        action: ask.at(place.path),
        text: place.text,
        setup,
        takes_app: place.takes_app,
        takes_passkey: place.takes_passkey,
        after: place.after.clone(),
        frame,
    };
    Ask::page(&page, target)
}

fn framed(ask: &Ask, place: &Place, refused: Option<&Refused>) -> Frame {
    let mut frame = ask.frame(place.title, place.here);
    frame.signed_in = place.signed_in;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    frame
}
