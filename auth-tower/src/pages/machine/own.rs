//! `/keys`: the API keys of whoever is signed in.

use askama::Template;
use auth_core::{
    Error, Principal,
    machine::{API_KEY_NOT_FOUND, Machines, NewApiKey},
};

use super::super::{
    ask::{Answered, Ask, Refused},
    redirect::Target,
    texts::fill,
    view::{Frame, Input},
};
use crate::problem::Problem;

pub(in crate::pages) const PATH: &str = "/keys";

#[derive(Template)]
#[template(path = "keys.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    name: Input,
    scopes: Input,
    days: Input,
}

struct Row {
    id: String,
    name: String,
    about: String,
}

/// A key that was just made.
#[derive(Template)]
#[template(path = "key.html", config = "src/pages/templates.toml")]
struct MadePage {
    frame: Frame,
    secret: String,
}

/// Whether there are keys at all.
pub(in crate::pages) fn is_open(ask: &Ask) -> bool {
    ask.auth().machines().is_some()
}

pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    machines(ask)?;
    let who = ask.who_arrives(PATH).await?;
    let (caller, _) = ask.signed_in(who, PATH).await?;
    page(ask, &caller, None).await
}

/// The same rules as `POST /users/me/api-keys` and `DELETE /users/me/api-keys/{id}`.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let machines = machines(ask)?;
    let who = ask.who().await?;
    let (caller, _) = ask.signed_in(who, PATH).await?;
    if let Some(key) = ask.form.get("end") {
        // One that is over has ended already.
        let Ok(key) = key.parse() else { return Ask::go(&ask.at(PATH)) };
        return match machines.end_key(&caller, key, ask.client.clone()).await {
            Ok(()) | Err(Error::Refused(API_KEY_NOT_FOUND)) => Ask::go(&told(ask)),
            Err(error) => Err(error.into()),
        };
    }
    let mut new = NewApiKey::new(ask.field("name"));
    for scope in ask.field("scopes").split_whitespace() {
        new = new.scope(scope);
    }
    if let Some(days) = ask.form.get("days") {
        // What is no number is out of range.
        new = new.expires_in_days(days.trim().parse().unwrap_or_default());
    }
    match machines.create_key(&caller, new, ask.client.clone()).await {
        Ok(made) => {
            let mut frame = ask.frame(ask.texts().key_made_title, PATH);
            frame.signed_in = true;
            let secret = made.secret.expose().to_owned();
            Ask::page(&MadePage { frame, secret }, &Target::default())
        }
        Err(error) => {
            let refused = ask.refused_or_sent_to_confirm(error, PATH)?.called("expires_in_days", "days");
            let page = page(ask, &caller, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

fn machines(ask: &Ask) -> Result<Machines, Problem> {
    ask.auth().machines().ok_or_else(Problem::not_found)
}

fn told(ask: &Ask) -> String {
    format!("{}?told=ended", ask.at(PATH))
}

async fn page(ask: &Ask, caller: &Principal, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let moment = |at| ask.language.moment(at);
    let keys = machines(ask)?.keys(caller).await?;
    let rows = keys.into_iter().map(|key| {
        let since = fill(texts.since, &[("time", &moment(key.created_at))]);
        let used = key.last_used_at.map(|at| fill(texts.last_used, &[("time", &moment(at))]));
        let until = key.expires_at.map(|at| fill(texts.key_until, &[("time", &moment(at))]));
        let used = used.unwrap_or_else(|| texts.never_used.to_owned());
        let scopes = Some(key.scopes.join(" ")).filter(|scopes| !scopes.is_empty());
        let parts: Vec<_> =
            [format!("{}…", key.hint)].into_iter().chain(scopes).chain([since, used]).chain(until).collect();
        Row { id: key.id.to_string(), name: key.name, about: parts.join(" · ") }
    });
    let rows = rows.collect();
    let mut frame = ask.frame(texts.keys_title, PATH);
    frame.signed_in = true;
    frame.told = (ask.query.get("told").map(String::as_str) == Some("ended")).then_some(texts.told_ended);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let scopes = Input::text("scopes", texts.key_scopes, "off").optional(texts);
    let days = Input::text("days", texts.key_days, "off").inputmode("numeric").optional(texts);
    let page = Page {
        rows,
        name: Input::text("name", texts.key_name, "off").value(ask.field("name")).of(&frame),
        scopes: scopes.hint(texts.key_scopes_hint.to_owned()).value(ask.field("scopes")).of(&frame),
        days: days.value(ask.field("days")).of(&frame),
        frame,
    };
    Ask::page(&page, &Target::default())
}
