//! `POST /authenticator`: an authenticator app of somebody who is signed in is set up, or taken away; `POST /recovery-codes`.

use auth_core::{
    Error,
    factor::{FACTOR_NOT_FOUND, TOTP_EXISTS},
};

use super::{
    challenge,
    enrol::{self, Place},
};
use crate::pages::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    security,
};

pub(in crate::pages) const PATH: &str = "/authenticator";

/// The same rules as at `/users/me/totp` and `/users/me/totp/confirm`. None of it has a page to go to: a secret is shown to whoever
/// asks for one by the button.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let (factors, client) = (challenge::factors(ask)?, ask.client.clone());
    if ask.form.contains_key("remove") {
        return match factors.remove_totp(&caller, client).await {
            Ok(()) | Err(Error::Refused(FACTOR_NOT_FOUND)) => Ask::go(&security::told(ask, "turned_off")),
            Err(error) => failed(ask, error, None),
        };
    }
    if ask.form.contains_key("begin") {
        return match factors.begin_totp(&caller).await {
            Ok(setup) => {
                let setup = (setup.secret.expose().to_owned(), setup.uri.expose().to_owned());
                enrol::shown(ask, &place(ask), &Target::default(), Some(setup), None)
            }
            Err(Error::Refused(TOTP_EXISTS)) => Ask::go(&ask.at(security::PATH)),
            Err(error) => failed(ask, error, None),
        };
    }
    match factors.confirm_totp(&caller, ask.field("code"), client).await {
        Ok(added) => enrol::codes(ask, added.recovery_codes, ask.at(security::PATH), &Target::default()),
        Err(error) => failed(ask, error, Some((ask.field("secret"), ask.field("uri")))),
    }
}

/// The same rules as `POST /users/me/recovery-codes`.
pub(in crate::pages) async fn recovery_codes(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    match challenge::factors(ask)?.new_recovery_codes(&caller, ask.client.clone()).await {
        Ok(codes) => enrol::codes(ask, codes, ask.at(security::PATH), &Target::default()),
        Err(Error::Refused(FACTOR_NOT_FOUND)) => Ask::go(&ask.at(security::PATH)),
        Err(error) => failed(ask, error, None),
    }
}

fn failed(ask: &Ask, error: Error, setup: Option<(String, String)>) -> Answered {
    let refused: Refused = ask.refused_or_sent_to_confirm(error, security::PATH)?;
    let page = enrol::shown(ask, &place(ask), &Target::default(), setup, Some(&refused));
    refused.answer(page)
}

fn place(ask: &Ask) -> Place {
    let texts = ask.texts();
    Place {
        path: PATH,
        title: texts.set_up_app,
        text: texts.set_up_app_text,
        takes_app: true,
        takes_passkey: false,
        signed_in: true,
        // The menu of languages goes where there is a page.
        here: security::PATH,
        after: (ask.at(security::PATH), texts.back),
    }
}
