//! `/security`: what stands between an account and others; `POST /sessions`.

use askama::Template;
use auth_core::{Principal, factor::FactorList};

use super::{
    ask::{Answered, Ask, Refused},
    factor::{device, passkey},
    happened, machine, oidc,
    redirect::Target,
    session,
    texts::fill,
    view::Frame,
};
use crate::endpoint;

pub(super) const PATH: &str = "/security";

#[derive(Template)]
#[template(path = "security.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    /// Nothing where second factors are off.
    second: Option<Second>,
    /// Nothing where there are none.
    passkeys: Option<Vec<passkey::Row>>,
    /// Nothing where there are no providers.
    identities: Option<oidc::Section>,
    devices: Vec<device::Row>,
    has_keys: bool,
    events: Vec<happened::Row>,
    sessions: Vec<session::Row>,
    has_others: bool,
}

struct Second {
    since: Option<String>,
    is_required: bool,
    asks_for_passkey: bool,
    codes_left: Option<String>,
}

pub(super) async fn show(ask: &mut Ask) -> Answered {
    let who = ask.who_arrives(PATH).await?;
    let (caller, _) = ask.signed_in(who, PATH).await?;
    page(ask, &caller, None).await
}

/// The page, with what of it could not be done.
pub(super) async fn failed(ask: &Ask, caller: &Principal, refused: Refused) -> Answered {
    let page = page(ask, caller, Some(&refused)).await;
    refused.answer(page)
}

async fn page(ask: &Ask, caller: &Principal, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let sessions = ask.auth().sessions(caller).await?;
    let sessions: Vec<_> = sessions.iter().map(|one| session::row(ask, caller.session_id(), one)).collect();
    let second = match ask.auth().factors() {
        Some(factors) => Some(second(ask, &factors.list(caller).await?)),
        None => None,
    };
    let mut frame = ask.frame(texts.security_title, PATH);
    frame.signed_in = true;
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    if let Some(failure) = oidc::failure(ask).filter(|_| refused.is_none()) {
        frame.errors = Ask::wrong_form(failure).errors;
    }
    frame.told = match ask.query.get("told").map(String::as_str) {
        Some("password") => Some(texts.told_password),
        Some("ended") => Some(texts.told_ended),
        Some("turned_off") => Some(texts.told_turned_off),
        Some("passkey_added") => Some(texts.told_passkey_added),
        Some("passkey_renamed") => Some(texts.told_saved),
        Some("passkey_removed") => Some(texts.told_passkey_removed),
        // What went wrong at the provider is told instead.
        Some("linked") if frame.errors.is_empty() => Some(texts.told_linked),
        Some("unlinked") => Some(texts.told_unlinked),
        Some("forgotten") => Some(texts.told_forgotten),
        _ => None,
    };
    let page = Page {
        second,
        passkeys: passkey::rows(ask, caller).await?,
        identities: oidc::section(ask, caller).await?,
        devices: device::rows(ask, caller).await?,
        has_keys: machine::own::is_open(ask),
        events: happened::own(ask, caller).await?,
        has_others: sessions.iter().any(|session| !session.is_this),
        sessions,
        frame,
    };
    Ask::page(&page, &Target::default())
}

/// Of `/sessions`: one, or all others.
pub(super) async fn end(ask: &mut Ask) -> Answered {
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, PATH).await?;
    if ask.form.contains_key("others") {
        ask.auth().end_other_sessions(&caller, ask.client.clone()).await?;
        return Ask::go(&told(ask, "ended"));
    }
    // One that is over has ended already.
    let Ok(session) = ask.field("session").parse() else { return Ask::go(&ask.at(PATH)) };
    match ask.auth().end_session(&caller, session, ask.client.clone()).await {
        Ok(()) | Err(auth_core::Error::Refused(auth_core::refusal::SESSION_NOT_FOUND)) => {}
        Err(error) => return Err(error.into()),
    }
    if caller.session_id() == Some(session) {
        endpoint::sign_out(&ask.pages.service, ask.headers(), &ask.client).await?;
        endpoint::clear_session_cookies(&ask.pages.service, &mut ask.jar);
        return Ask::go(&ask.at("/sign-in?told=signed_out"));
    }
    Ask::go(&told(ask, "ended"))
}

/// The page, with what was done.
pub(super) fn told(ask: &Ask, what: &str) -> String {
    format!("{}?told={what}", ask.at(PATH))
}

fn second(ask: &Ask, factors: &FactorList) -> Second {
    let texts = ask.texts();
    let since = factors.totp.map(|since| fill(texts.app_since, &[("time", &ask.language.moment(since))]));
    let has_any = factors.totp.is_some() || !factors.passkeys.is_empty();
    let left = factors.recovery_codes_left.to_string();
    Second {
        since,
        is_required: factors.is_required && factors.passkeys.is_empty(),
        // Else whoever has one may sign in without.
        asks_for_passkey: factors.is_required && !factors.passkeys.is_empty(),
        codes_left: has_any.then(|| fill(texts.codes_left, &[("count", &left)])),
    }
}
