//! `/admin/services/{id}`: one account of a program, and its keys.

use askama::Template;
use auth_core::{
    Error, UserId,
    machine::{ApiKey, MadeApiKey, NewApiKey, RotateApiKey, ServiceChange},
};

use super::services::{self, named};
use crate::{
    Endpoint,
    pages::{
        admin::{Nav, told_once},
        ask::{Answered, Ask, Refused},
        redirect::Target,
        texts::fill,
        view::{Frame, Input},
    },
};

#[derive(Template)]
#[template(path = "admin_service.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    nav: Option<Nav>,
    here: String,
    id: String,
    created: String,
    is_disabled: bool,
    name: Input,
    roles: Input,
    keys: Vec<Key>,
    key_name: Input,
    scopes: Input,
    days: Input,
}

struct Key {
    id: String,
    name: String,
    about: String,
}

/// What a form has come to.
enum Done {
    Told(&'static str),
    Made(MadeApiKey),
    Gone,
}

pub(super) fn path(account: UserId) -> String {
    format!("{}/{account}", services::PATH)
}

/// The same rules as `GET /service-accounts/{id}` and of its keys.
pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    let account = ask.id()?;
    ask.administrator_arrives(Endpoint::SERVICE_ACCOUNT, &path(account)).await?;
    page(ask, account, None).await
}

/// The same rules as at `/service-accounts/{id}` and `/api-keys/{id}`, as it says what is to be done.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let account = ask.id()?;
    ask.administrator_sends(Endpoint::SERVICE_ACCOUNT, &path(account)).await?;
    match done(ask, account).await {
        Ok(Done::Made(made)) => told_once(ask, made.secret.expose(), &path(account)),
        Ok(Done::Told(told)) => Ask::go(&format!("{}?told={told}", ask.at(&path(account)))),
        Ok(Done::Gone) => Ask::go(&format!("{}?deleted=1", ask.at(services::PATH))),
        Err(error) => {
            let field = if ask.field("do") == "key" { "key_name" } else { "label" };
            let refused = ask.refused(named(error, field))?;
            let page = page(ask, account, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

async fn done(ask: &Ask, account: UserId) -> Result<Done, Error> {
    let (machines, client) = (ask.pages.service.machines()?, ask.client.clone());
    if let Ok(key) = ask.field("end").parse() {
        return machines.end_any_key(key, client).await.map(|()| Done::Told("ended"));
    }
    if let Ok(key) = ask.field("rotate").parse() {
        return machines.rotate_service_key(RotateApiKey::new(key), client).await.map(Done::Made);
    }
    let mut change = ServiceChange::default();
    match ask.field("do").as_str() {
        "change" => (change.name, change.roles) = (Some(ask.field("label")), Some(ask.list("roles"))),
        "disable" => change.disabled = Some(true),
        "enable" => change.disabled = Some(false),
        "key" => {
            let new =
                ask.list("scopes").into_iter().fold(NewApiKey::new(ask.field("key_name")), NewApiKey::scope);
            // What is no number is none that is allowed.
            let days = ask.form.get("expires_in_days").map(|days| days.trim().parse().unwrap_or(u32::MAX));
            let new = days.into_iter().fold(new, NewApiKey::expires_in_days);
            return machines.create_service_key(account, new, client).await.map(Done::Made);
        }
        "delete" if ask.form.contains_key("sure") => {
            return machines.delete_service(account, client).await.map(|()| Done::Gone);
        }
        _ => return Ok(Done::Told("nothing")),
    }
    machines.change_service(account, change, client).await.map(|_| Done::Told("saved"))
}

async fn page(ask: &Ask, id: UserId, refused: Option<&Refused>) -> Answered {
    let (texts, machines) = (ask.texts(), ask.pages.service.machines()?);
    let (account, keys) = (machines.service(id).await?, machines.service_keys(id).await?);
    let mut frame = ask.admin_frame(texts.admin_service_title, &path(id), refused);
    frame.told = match ask.query.get("told").map(String::as_str) {
        Some("saved") => Some(texts.told_saved),
        Some("ended") => Some(texts.told_ended),
        _ => None,
    };
    let typed = |field: &str| ask.form.get(field).cloned();
    let roles = typed("roles").unwrap_or_else(|| account.roles.join(" "));
    let key_name = Input::text("key_name", texts.name, "off").value(ask.field("key_name"));
    let scopes = Input::text("scopes", texts.admin_scopes, "off").optional(texts);
    let scopes = scopes.hint(texts.admin_scopes_hint.to_owned()).value(ask.field("scopes"));
    let days = Input::text("expires_in_days", texts.admin_days, "off").inputmode("numeric").optional(texts);
    let page = Page {
        nav: Nav::of(ask, services::PATH),
        here: ask.at(&path(id)),
        id: account.id.to_string(),
        created: ask.language.moment(account.created_at),
        is_disabled: account.disabled,
        name: services::label(ask, typed("label").unwrap_or(account.name)).of(&frame),
        roles: services::roles(ask, roles).of(&frame),
        keys: keys.iter().map(|key| row(ask, key)).collect(),
        key_name: key_name.of(&frame),
        scopes: scopes.of(&frame),
        days: days.value(ask.field("expires_in_days")).of(&frame),
        frame,
    };
    Ask::page(&page, &Target::default())
}

fn row(ask: &Ask, key: &ApiKey) -> Key {
    let texts = ask.texts();
    let at = |text, time| fill(text, &[("time", &ask.language.moment(time))]);
    let parts = [
        Some(format!("{}…", key.hint)),
        (!key.scopes.is_empty()).then(|| key.scopes.join(" ")),
        key.expires_at.map(|time| at(texts.admin_until, time)),
        key.last_used_at.map(|time| at(texts.last_used, time)),
    ];
    Key {
        id: key.id.to_string(),
        name: key.name.clone(),
        about: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}
