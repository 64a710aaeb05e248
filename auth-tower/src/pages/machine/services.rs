//! `/admin/services`: the accounts of programs.

use askama::Template;
use auth_core::{Error, FieldError, machine::ServiceAccount};

use super::service;
use crate::{
    Endpoint,
    pages::{
        admin::Nav,
        ask::{Answered, Ask, Refused},
        redirect::Target,
        view::{Frame, Input},
    },
};

pub(in crate::pages) const PATH: &str = "/admin/services";
/// Accounts of one page.
const MOST: u64 = 20;

#[derive(Template)]
#[template(path = "admin_services.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    nav: Option<Nav>,
    here: String,
    services: Vec<Row>,
    next: Option<String>,
    name: Input,
    roles: Input,
}

struct Row {
    address: String,
    name: String,
    roles: String,
    is_disabled: bool,
}

/// The same rules as `GET /service-accounts`.
pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    ask.administrator_arrives(Endpoint::SERVICE_ACCOUNTS, PATH).await?;
    page(ask, None).await
}

/// The same rules as `POST /service-accounts`.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    ask.administrator_sends(Endpoint::SERVICE_ACCOUNTS, PATH).await?;
    let machines = ask.pages.service.machines()?;
    match machines.create_service(&ask.field("label"), ask.list("roles"), ask.client.clone()).await {
        Ok(account) => Ask::go(&ask.at(&service::path(account.id))),
        Err(error) => {
            let refused = ask.refused(named(error, "label"))?;
            let page = page(ask, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

async fn page(ask: &Ask, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let after = ask.query.get("cursor").and_then(|cursor| cursor.parse().ok());
    let found = ask.pages.service.machines()?.services(after, MOST).await?;
    let mut frame = ask.admin_frame(texts.admin_services_title, PATH, refused);
    frame.told = ask.query.contains_key("deleted").then_some(texts.admin_told_service_deleted);
    let page = Page {
        nav: Nav::of(ask, PATH),
        here: ask.at(PATH),
        services: found.services.iter().map(|account| row(ask, account)).collect(),
        next: found.next.map(|cursor| format!("{}?cursor={cursor}", ask.at(PATH))),
        name: label(ask, ask.field("label")).of(&frame),
        roles: roles(ask, ask.field("roles")).of(&frame),
        frame,
    };
    Ask::page(&page, &Target::default())
}

fn row(ask: &Ask, account: &ServiceAccount) -> Row {
    Row {
        address: ask.at(&service::path(account.id)),
        name: account.name.clone(),
        roles: account.roles.join(", "),
        is_disabled: account.disabled,
    }
}

pub(super) fn label(ask: &Ask, value: String) -> Input {
    Input::text("label", ask.texts().name, "off").value(value)
}

pub(super) fn roles(ask: &Ask, value: String) -> Input {
    let texts = ask.texts();
    let roles = Input::text("roles", texts.admin_roles, "off").optional(texts);
    roles.hint(texts.admin_service_roles_hint.to_owned()).value(value)
}

/// The name of a thing has a rule, and so a field, of its own: that of a person is longer.
pub(super) fn named(error: Error, field: &'static str) -> Error {
    let named = |error: FieldError| match error.field {
        "name" => FieldError::new(field, error.code, error.detail),
        _ => error,
    };
    match error {
        Error::Validation(errors) => Error::Validation(errors.into_iter().map(named).collect()),
        error => error,
    }
}
