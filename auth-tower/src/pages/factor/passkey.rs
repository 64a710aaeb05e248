//! `/passkeys`: a new one; `/passkey`: what one is called, and the end of it. A browser makes and shows passkeys by a script alone, and
//! what comes of it is sent by a form: no token of the session is in a page.

use askama::{Template, filters::HtmlSafe};
use auth_core::{
    Error, PasskeyOptions, Principal,
    factor::{PASSKEY_NOT_FOUND, Passkey, Passkeys},
};
use uuid::Uuid;

use super::enrol;
use crate::{
    pages::{
        ask::{Answered, Ask, Refused, Stop},
        redirect::Target,
        security,
        texts::fill,
        view::{Frame, Input, Kept},
    },
    problem::Problem,
};

pub(in crate::pages) const NEW: &str = "/passkeys";
pub(in crate::pages) const ONE: &str = "/passkey";

/// A form that the script sends with what a browser has made of the options.
#[derive(Debug, Template)]
#[template(path = "passkey_form.html", config = "src/pages/templates.toml")]
pub(in crate::pages) struct PasskeyForm {
    action: String,
    target: Kept,
    options: String,
    /// Whether a passkey is made, and not shown.
    makes: bool,
    name: Option<Input>,
    is_main: bool,
    button: &'static str,
    failed: &'static str,
    /// What is said where there is no script.
    needs_script: &'static str,
}

/// It escapes what it is made of.
impl HtmlSafe for PasskeyForm {}

impl PasskeyForm {
    /// To show one. `is_main`: nothing else is asked for on its page.
    pub(in crate::pages) fn show(
        ask: &Ask,
        path: &str,
        target: &Target,
        options: &PasskeyOptions,
        is_main: bool,
    ) -> Self {
        let texts = ask.texts();
        Self {
            action: ask.at(path),
            target: Kept::of(target),
            options: options.json().to_owned(),
            makes: false,
            name: None,
            is_main,
            button: texts.use_passkey,
            failed: texts.passkey_refused,
            needs_script: texts.passkey_needs_script,
        }
    }

    /// To make one.
    pub(in crate::pages) fn make(
        ask: &Ask,
        path: &str,
        target: &Target,
        options: &PasskeyOptions,
        frame: &Frame,
    ) -> Self {
        let texts = ask.texts();
        let name = Input::text("name", texts.passkey_name, "off").optional(texts).value(ask.field("name"));
        Self {
            makes: true,
            name: Some(name.hint(texts.passkey_name_hint.to_owned()).first(frame).of(frame)),
            button: texts.add_passkey,
            failed: texts.passkey_not_made,
            ..Self::show(ask, path, target, options, true)
        }
    }
}

/// A passkey in the list.
pub(in crate::pages) struct Row {
    pub(in crate::pages) name: String,
    pub(in crate::pages) times: String,
    pub(in crate::pages) page: String,
}

impl Row {
    fn of(ask: &Ask, passkey: &Passkey) -> Self {
        let (texts, moment) = (ask.texts(), |at| ask.language.moment(at));
        let since = fill(texts.since, &[("time", &moment(passkey.created_at))]);
        let used = passkey.last_used_at.map(|at| fill(texts.last_used, &[("time", &moment(at))]));
        let used = used.unwrap_or_else(|| texts.never_used.to_owned());
        Self {
            name: passkey.name.clone(),
            times: format!("{since} · {used}"),
            page: format!("{}?id={}", ask.at(ONE), passkey.id),
        }
    }
}

/// Those of the caller; nothing where there are none at all.
pub(in crate::pages) async fn rows(ask: &Ask, caller: &Principal) -> Result<Option<Vec<Row>>, Stop> {
    let Some(passkeys) = ask.auth().passkeys() else { return Ok(None) };
    let list = passkeys.list(caller).await?;
    Ok(Some(list.iter().map(|passkey| Row::of(ask, passkey)).collect()))
}

#[derive(Template)]
#[template(path = "passkeys.html", config = "src/pages/templates.toml")]
struct NewPage {
    frame: Frame,
    text: &'static str,
    form: PasskeyForm,
    after: (String, &'static str),
}

/// To make one, wherever that is asked for.
pub(in crate::pages) fn page(
    frame: Frame,
    text: &'static str,
    form: PasskeyForm,
    after: (String, &'static str),
    target: &Target,
) -> Answered {
    Ask::page(&NewPage { frame, text, form, after }, target)
}

/// To make one, whoever has shown lately who they are.
pub(in crate::pages) async fn show_new(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(NEW).await?;
    let (caller, _) = ask.signed_in(who, NEW).await?;
    new_page(ask, &caller, None).await
}

/// The same rules as `POST /users/me/passkeys`.
pub(in crate::pages) async fn add(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, NEW).await?;
    let (credential, name) = (ask.field("credential"), ask.form.get("name").cloned());
    match passkeys(ask)?.register(&caller, credential, name, ask.client.clone()).await {
        Ok(added) if added.recovery_codes.is_empty() => Ask::go(&security::told(ask, "passkey_added")),
        Ok(added) => enrol::codes(ask, added.recovery_codes, ask.at(security::PATH), &Target::default()),
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, NEW)?;
            let page = new_page(ask, &caller, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

async fn new_page(ask: &Ask, caller: &Principal, refused: Option<&Refused>) -> Answered {
    let options = match passkeys(ask)?.begin_registration(caller).await {
        Ok(options) => options,
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, NEW)?;
            return security::failed(ask, caller, refused).await;
        }
    };
    let mut frame = ask.frame(ask.texts().add_passkey, NEW);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let form = PasskeyForm::make(ask, NEW, &Target::default(), &options, &frame);
    let after = (ask.at(security::PATH), ask.texts().back);
    page(frame, ask.texts().passkeys_text, form, after, &Target::default())
}

#[derive(Template)]
#[template(path = "passkey.html", config = "src/pages/templates.toml")]
struct OnePage {
    frame: Frame,
    id: Uuid,
    about: String,
    name: Input,
}

/// One of the caller's.
pub(in crate::pages) async fn show_one(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(ONE).await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let passkey = named(ask, &caller, ask.query.get("id").map(String::as_str)).await?;
    let typed = passkey.name.clone();
    one_page(ask, &passkey, typed, None)
}

/// The same rules as `PATCH` and `DELETE /users/me/passkeys/{id}`.
pub(in crate::pages) async fn change(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, security::PATH).await?;
    let passkey = named(ask, &caller, ask.form.get("id").map(String::as_str)).await?;
    let (passkeys, typed) = (passkeys(ask)?, ask.field("name"));
    let (changed, told) = if ask.form.contains_key("remove") {
        (passkeys.remove(&caller, passkey.id, ask.client.clone()).await.map(drop), "passkey_removed")
    } else {
        (passkeys.rename(&caller, passkey.id, typed.clone()).await.map(drop), "passkey_renamed")
    };
    match changed {
        Ok(()) | Err(Error::Refused(PASSKEY_NOT_FOUND)) => Ask::go(&security::told(ask, told)),
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, &format!("{ONE}?id={}", passkey.id))?;
            let page = one_page(ask, &passkey, typed, Some(&refused));
            refused.answer(page)
        }
    }
}

fn passkeys(ask: &Ask) -> Result<Passkeys, Problem> {
    ask.auth().passkeys().ok_or_else(Problem::not_found)
}

/// That of somebody else is as unknown as one that never was.
async fn named(ask: &Ask, caller: &Principal, id: Option<&str>) -> Result<Passkey, Stop> {
    let id = id.and_then(|id| id.parse::<Uuid>().ok()).ok_or_else(Problem::not_found)?;
    let list = passkeys(ask)?.list(caller).await?;
    Ok(list.into_iter().find(|passkey| passkey.id == id).ok_or_else(Problem::not_found)?)
}

fn one_page(ask: &Ask, passkey: &Passkey, typed: String, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let mut frame = ask.frame(texts.passkey_title, &format!("{ONE}?id={}", passkey.id));
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let name = Input::text("name", texts.passkey_name, "off").value(typed).of(&frame);
    Ask::page(
        &OnePage { id: passkey.id, about: Row::of(ask, passkey).times, name, frame },
        &Target::default(),
    )
}
