//! Where an account has to have a second factor and has none: an authenticator app is set up before there is a sign-in.

use askama::Template;
use auth_core::{AuthSession, Challenge, Error, factor::Method, factor::TOTP_EXISTS};

use super::{
    ask::{Answered, Ask, Refused},
    challenge::{self, PATH},
    redirect::Target,
    sign_in,
    view::{Frame, Input, Kept},
};
use crate::endpoint::picture;

#[derive(Template)]
#[template(path = "enrol.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    /// Nothing before it is asked for.
    setup: Option<Setup>,
    /// Whether an app can be set up at all.
    takes_app: bool,
    sign_in: String,
}

/// What an app is given.
struct Setup {
    picture: String,
    secret: String,
    uri: String,
    code: Input,
}

/// Makes a secret and shows it: no address of its own, so that nobody makes another by going there once more.
pub(super) async fn begin(ask: &mut Ask, session: AuthSession, target: &Target) -> Answered {
    let factors = challenge::factors(ask)?;
    match factors.enrol(session, ask.client.clone()).await {
        Ok(setup) => {
            let setup = (setup.secret.expose().to_owned(), setup.uri.expose().to_owned());
            shown(ask, target, true, Some(setup), None)
        }
        Err(Error::InvalidToken | Error::Refused(TOTP_EXISTS)) => challenge::expired(ask),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = shown(ask, target, true, None, Some(&refused));
            refused.answer(page)
        }
    }
}

/// `setup`: the secret and the address of it that are shown already.
pub(super) fn page(
    ask: &Ask,
    challenge: &Challenge,
    target: &Target,
    setup: Option<(String, String)>,
    refused: Option<&Refused>,
) -> Answered {
    let takes_app = challenge.methods.contains(&Method::Totp.name());
    shown(ask, target, takes_app, setup, refused)
}

fn shown(
    ask: &Ask,
    target: &Target,
    takes_app: bool,
    setup: Option<(String, String)>,
    refused: Option<&Refused>,
) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.enrol_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let setup = match setup {
        Some((secret, uri)) => {
            let svg = picture(&uri)?;
            // Inside a page there is no declaration of XML.
            let picture = svg.find("<svg").and_then(|start| svg.get(start..)).unwrap_or_default().to_owned();
            Some(Setup { picture, secret, uri, code: challenge::code(texts.code, &frame) })
        }
        None => None,
    };
    let sign_in = target.kept_in(&ask.at(sign_in::PATH)).into_owned();
    Ask::page(&Page { target: Kept::of(target), setup, takes_app, sign_in, frame }, target)
}
