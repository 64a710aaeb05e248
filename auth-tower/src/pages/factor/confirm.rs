//! `/confirm`: whoever is signed in shows once more who they are, and goes on with what asked for it.

use askama::Template;
use auth_core::{
    Error, PasskeyOptions, Principal,
    factor::{Method, StepUp},
};

use super::passkey::PasskeyForm;
use crate::pages::{
    ask::{Answered, Ask, Refused, Stop},
    oidc::{self, Provider},
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
    /// Nothing where there is only a passkey, or where it is not possible on these pages.
    shown: Option<Input>,
    passkey: Option<PasskeyForm>,
    /// Where to sign in once more, for who has nothing else.
    providers: Vec<Provider>,
}

/// What an account shows.
struct Proof {
    /// The password, of who has nothing else.
    password: bool,
    code: bool,
    /// What a browser is given to show one.
    passkey: Option<PasskeyOptions>,
}

pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(PATH).await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let proof = proof(ask, &caller).await?;
    page(ask, &proof, None)
}

/// The same rules as `POST /step-up`.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let proof = proof(ask, &caller).await?;
    let by = if let Some(credential) = ask.form.get("credential") {
        StepUp::Code(Method::Passkey, credential.as_str().into())
    } else if proof.password {
        StepUp::Password(ask.field("password").into())
    } else {
        let code = ask.field("code");
        let digits = code.chars().filter(char::is_ascii_digit).count();
        let is_of_app = digits == DIGITS && !code.chars().any(char::is_alphabetic);
        StepUp::Code(if is_of_app { Method::Totp } else { Method::RecoveryCode }, code.into())
    };
    match ask.auth().step_up(&caller, by, ask.client.clone()).await {
        Ok(_) => Ask::go(ask.target().place(&ask.at(security::PATH))),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, &proof, Some(&refused));
            refused.answer(page)
        }
    }
}

async fn proof(ask: &Ask, caller: &Principal) -> Result<Proof, Stop> {
    let list = match ask.auth().factors() {
        Some(factors) => Some(factors.list(caller).await?),
        None => None,
    };
    let Some(list) = list.filter(|list| list.totp.is_some() || !list.passkeys.is_empty()) else {
        let password = ask.auth().has_password(caller).await?;
        return Ok(Proof { password, code: false, passkey: None });
    };
    let passkey = match ask.auth().passkeys().filter(|_| !list.passkeys.is_empty()) {
        Some(passkeys) => Some(passkeys.begin_step_up(caller).await?),
        None => None,
    };
    Ok(Proof { password: false, code: list.totp.is_some() || list.recovery_codes_left > 0, passkey })
}

fn page(ask: &Ask, proof: &Proof, refused: Option<&Refused>) -> Answered {
    let (texts, target) = (ask.texts(), ask.target());
    let mut frame = ask.frame(texts.confirm_title, PATH);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let has_none = !proof.password && !proof.code && proof.passkey.is_none();
    let back = target.place(&ask.at(security::PATH)).to_owned();
    let providers = if has_none { oidc::providers_again(ask, &Target::here(&back)) } else { Vec::new() };
    let (text, shown) = match proof {
        Proof { password: true, .. } => {
            (texts.confirm_password_text, Some(Input::password(texts, "current-password")))
        }
        Proof { code: true, .. } => {
            (texts.confirm_text, Some(Input::text("code", texts.code, "one-time-code")))
        }
        Proof { passkey: Some(_), .. } => (texts.confirm_passkey_text, None),
        Proof { .. } if !providers.is_empty() => (texts.confirm_provider_text, None),
        Proof { .. } => (texts.confirm_impossible, None),
    };
    let shown = shown.map(|input| input.first(&frame).of(&frame));
    let passkey = proof.passkey.as_ref();
    let passkey = passkey.map(|options| PasskeyForm::show(ask, PATH, &target, options, shown.is_none()));
    Ask::page(&Page { target: Kept::of(&target), text, shown, passkey, providers, frame }, &target)
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
