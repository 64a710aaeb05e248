//! `/confirm`: whoever is signed in shows once more who they are, and goes on with what asked for it.

use askama::Template;
use auth_core::{
    Error, Principal,
    factor::{Method, StepUp},
};

use crate::pages::{
    ask::{Answered, Ask, Refused, Stop},
    redirect::Target,
    security,
    view::{Frame, Input, Kept},
};

pub(in crate::pages) const PATH: &str = "/confirm";
/// Digits of an app's code; a recovery code has letters and is longer.
const DIGITS: usize = 6;

#[derive(Template)]
#[template(path = "confirm.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    text: &'static str,
    /// Nothing where it is not possible on these pages.
    shown: Option<Input>,
}

/// What an account shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Password,
    Code,
    /// A passkey.
    Other,
}

pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(PATH).await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let proof = proof(ask, &caller).await?;
    page(ask, proof, None)
}

/// The same rules as `POST /step-up`.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let proof = proof(ask, &caller).await?;
    let by = match proof {
        Proof::Password => StepUp::Password(ask.field("password").into()),
        Proof::Code => {
            let code = ask.field("code");
            let digits = code.chars().filter(char::is_ascii_digit).count();
            let is_of_app = digits == DIGITS && !code.chars().any(char::is_alphabetic);
            StepUp::Code(if is_of_app { Method::Totp } else { Method::RecoveryCode }, code.into())
        }
        Proof::Other => return page(ask, proof, None),
    };
    match ask.auth().step_up(&caller, by, ask.client.clone()).await {
        Ok(_) => Ask::go(ask.target().place(&ask.at(security::PATH))),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, proof, Some(&refused));
            refused.answer(page)
        }
    }
}

async fn proof(ask: &Ask, caller: &Principal) -> Result<Proof, Stop> {
    let Some(factors) = ask.auth().factors() else { return Ok(Proof::Password) };
    let list = factors.list(caller).await?;
    Ok(match (list.totp, list.passkeys.is_empty()) {
        (Some(_), _) => Proof::Code,
        (None, true) => Proof::Password,
        (None, false) if list.recovery_codes_left > 0 => Proof::Code,
        (None, false) => Proof::Other,
    })
}

fn page(ask: &Ask, proof: Proof, refused: Option<&Refused>) -> Answered {
    let (texts, target) = (ask.texts(), ask.target());
    let mut frame = ask.frame(texts.confirm_title, PATH);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let (text, shown) = match proof {
        Proof::Password => (texts.confirm_password_text, Some(Input::password(texts, "current-password"))),
        Proof::Code => (texts.confirm_text, Some(Input::text("code", texts.code, "one-time-code"))),
        Proof::Other => (texts.confirm_text, None),
    };
    let shown = shown.map(|input| input.first(&frame).of(&frame));
    Ask::page(&Page { target: Kept::of(&target), text, shown, frame }, &target)
}

impl Ask {
    /// As [`refused`](Self::refused), but who has to show again who they are is sent to do so, and comes back to `path`.
    pub(in crate::pages) fn refused_or_sent_to_confirm(
        &self,
        error: Error,
        path: &str,
    ) -> Result<Refused, Stop> {
        if let Error::StepUpRequired { .. } = error {
            let back = Target::of(Some(&self.at(path)), &self.pages.service.origins);
            return Err(Stop::with(Self::go(&back.kept_in(&self.at(PATH)))));
        }
        self.refused(error)
    }
}
