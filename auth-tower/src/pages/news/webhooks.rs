//! `/admin/webhooks`: who is told of events.

use askama::Template;
use auth_core::webhooks::{NewWebhook, Webhook, Webhooks};

use super::webhook;
use crate::{
    Endpoint,
    pages::{
        admin::{Nav, told_once},
        ask::{Answered, Ask, Refused},
        redirect::Target,
        view::{Frame, Input},
    },
    problem::Problem,
};

pub(in crate::pages) const PATH: &str = "/admin/webhooks";

#[derive(Template)]
#[template(path = "admin_webhooks.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    nav: Option<Nav>,
    here: String,
    webhooks: Vec<Row>,
    url: Input,
    types: Input,
}

struct Row {
    address: String,
    url: String,
    state: &'static str,
}

impl Ask {
    pub(super) fn webhooks(&self) -> Result<Webhooks, Problem> {
        self.auth().webhooks().ok_or_else(Problem::not_found)
    }
}

/// The same rules as `GET /webhooks`.
pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    ask.administrator_arrives(Endpoint::WEBHOOKS, PATH).await?;
    page(ask, None).await
}

/// The same rules as `POST /webhooks`.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    ask.administrator_sends(Endpoint::WEBHOOKS, PATH).await?;
    let new = NewWebhook::new(ask.field("url").trim()).types(ask.list("types"));
    match ask.webhooks()?.create(new, ask.client.clone()).await {
        Ok(made) => told_once(ask, made.secret.expose(), &webhook::path(made.webhook.id)),
        Err(error) => {
            let refused = ask.refused(error)?;
            let page = page(ask, Some(&refused)).await;
            refused.answer(page)
        }
    }
}

async fn page(ask: &Ask, refused: Option<&Refused>) -> Answered {
    let texts = ask.texts();
    let all = ask.webhooks()?.list().await?;
    let mut frame = ask.admin_frame(texts.admin_webhooks_title, PATH, refused);
    frame.told = ask.query.contains_key("deleted").then_some(texts.admin_told_webhook_deleted);
    let row = |webhook: &Webhook| Row {
        address: ask.at(&webhook::path(webhook.id)),
        url: webhook.url.clone(),
        state: webhook::state(texts, webhook),
    };
    let page = Page {
        nav: Nav::of(ask, PATH),
        here: ask.at(PATH),
        webhooks: all.iter().map(row).collect(),
        url: url(ask, ask.field("url")).of(&frame),
        types: types(ask, ask.field("types")).of(&frame),
        frame,
    };
    Ask::page(&page, &Target::default())
}

pub(super) fn url(ask: &Ask, value: String) -> Input {
    Input::text("url", ask.texts().admin_url, "off").inputmode("url").value(value)
}

pub(super) fn types(ask: &Ask, value: String) -> Input {
    let texts = ask.texts();
    let types = Input::text("types", texts.admin_types, "off").optional(texts);
    types.hint(texts.admin_types_hint.to_owned()).value(value)
}
