//! `/admin/webhooks/{id}`: one webhook, and what was sent to it.

use askama::Template;
use auth_core::{
    Error,
    webhooks::{Delivery, MadeWebhook, Webhook, WebhookChange},
};
use uuid::Uuid;

use super::webhooks;
use crate::{
    Endpoint,
    pages::{
        admin::{Nav, told_once},
        ask::{Answered, Ask, Refused, Stop},
        happened,
        redirect::Target,
        texts::{Texts, fill},
        view::{Frame, Input},
    },
};

/// Deliveries that are shown.
const MOST: u64 = 20;

#[derive(Template)]
#[template(path = "admin_webhook.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    nav: Option<Nav>,
    here: String,
    /// What is known, each with its name.
    facts: Vec<(&'static str, String)>,
    is_of_setting: bool,
    is_off: bool,
    url: Input,
    types: Input,
    after: Input,
    deliveries: Vec<Row>,
}

struct Row {
    what: &'static str,
    about: String,
}

/// What a form has come to.
enum Done {
    Told(&'static str),
    Made(MadeWebhook),
    Gone,
}

pub(super) fn path(webhook: Uuid) -> String {
    format!("{}/{webhook}", webhooks::PATH)
}

pub(super) fn state(texts: &'static Texts, webhook: &Webhook) -> &'static str {
    match &webhook.off {
        Some(off) if off.reason == "by_hand" => texts.admin_off_by_hand,
        Some(off) if off.reason == "gone" => texts.admin_off_gone,
        Some(_) => texts.admin_off_failing,
        None if webhook.failing_since.is_some() => texts.admin_failing,
        None => texts.admin_on,
    }
}

/// The same rules as `GET /webhooks/{id}` and of its deliveries.
pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    let webhook = ask.id()?;
    ask.administrator_arrives(Endpoint::WEBHOOK, &path(webhook)).await?;
    page(ask, webhook, None).await
}

/// The same rules as at `/webhooks/{id}` and what is below it, as it says what is to be done.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let webhook = ask.id()?;
    ask.administrator_sends(Endpoint::WEBHOOK, &path(webhook)).await?;
    match done(ask, webhook).await {
        Ok(Done::Made(made)) => told_once(ask, made.secret.expose(), &path(webhook)),
        Ok(Done::Told(told)) => Ask::go(&format!("{}?told={told}", ask.at(&path(webhook)))),
        Ok(Done::Gone) => Ask::go(&format!("{}?deleted=1", ask.at(webhooks::PATH))),
        Err(Stop::Rule(error)) => {
            let refused = ask.refused(error)?;
            let page = page(ask, webhook, Some(&refused)).await;
            refused.answer(page)
        }
        Err(stop) => Err(stop),
    }
}

async fn done(ask: &Ask, id: Uuid) -> Result<Done, Stop> {
    let (webhooks, client) = (ask.webhooks()?, ask.client.clone());
    let mut change = WebhookChange::default();
    match ask.field("do").as_str() {
        "change" => {
            (change.url, change.types) = (Some(ask.field("url").trim().to_owned()), Some(ask.list("types")));
        }
        "on" => change.on = Some(true),
        "off" => change.on = Some(false),
        "test" => {
            let delivery = webhooks.test(id).await?;
            let arrived = delivery.status.is_some_and(|status| (200..300).contains(&status));
            return Ok(Done::Told(if arrived { "arrived" } else { "failed" }));
        }
        "replay" => {
            let Ok(after) = ask.field("after").trim().parse() else { return Err(no_number()) };
            webhooks.replay(id, after, client).await?;
            return Ok(Done::Told("replay"));
        }
        "rotate" => return Ok(Done::Made(webhooks.rotate_secret(id, client).await?)),
        "delete" if ask.form.contains_key("sure") => {
            webhooks.remove(id, client).await?;
            return Ok(Done::Gone);
        }
        _ => return Ok(Done::Told("nothing")),
    }
    webhooks.change(id, change, client).await?;
    Ok(Done::Told("saved"))
}

/// What the door for programs says of it.
fn no_number() -> Stop {
    let rule = "after must be a whole number that is not negative";
    Error::Validation(vec![auth_core::FieldError::new("after", "wrong_type", rule)]).into()
}

async fn page(ask: &Ask, id: Uuid, refused: Option<&Refused>) -> Answered {
    let (texts, webhooks) = (ask.texts(), ask.webhooks()?);
    let (webhook, deliveries) = (webhooks.find(id).await?, webhooks.deliveries(id, MOST).await?);
    let mut frame = ask.admin_frame(texts.admin_webhook_title, &path(id), refused);
    frame.told = match ask.query.get("told").map(String::as_str) {
        Some("saved") => Some(texts.told_saved),
        Some("arrived") => Some(texts.admin_told_arrived),
        Some("failed") => Some(texts.admin_told_not_arrived),
        Some("replay") => Some(texts.admin_told_replay),
        _ => None,
    };
    let sent = |field: &str| ask.form.get(field).cloned();
    let after = Input::text("after", texts.admin_replay_after, "off").inputmode("numeric");
    let after = after.value(sent("after").unwrap_or_else(|| webhook.after.to_string()));
    let types = webhooks::types(ask, sent("types").unwrap_or_else(|| webhook.types.join(" ")));
    let page = Page {
        nav: Nav::of(ask, webhooks::PATH),
        here: ask.at(&path(id)),
        facts: facts(ask, &webhook),
        is_of_setting: webhook.is_of_setting,
        is_off: webhook.off.is_some(),
        url: webhooks::url(ask, sent("url").unwrap_or_else(|| webhook.url.clone())).of(&frame),
        types: types.of(&frame),
        after: after.of(&frame),
        deliveries: deliveries.iter().map(|delivery| row(ask, delivery)).collect(),
        frame,
    };
    Ask::page(&page, &Target::default())
}

fn facts(ask: &Ask, webhook: &Webhook) -> Vec<(&'static str, String)> {
    let texts = ask.texts();
    let moment = |time| ask.language.moment(time);
    let mut facts = vec![
        (texts.admin_url, webhook.url.clone()),
        (texts.admin_state, state(texts, webhook).to_owned()),
        (texts.admin_created, moment(webhook.created_at)),
    ];
    facts.extend(webhook.next_try_at.map(|time| (texts.admin_next_try, moment(time))));
    facts
}

fn row(ask: &Ask, delivery: &Delivery) -> Row {
    let texts = ask.texts();
    let answer = match delivery.status {
        Some(status) => fill(texts.admin_answered, &[("status", &status.to_string())]),
        None => texts.admin_no_answer.to_owned(),
    };
    let next = delivery.next_try_at.map(|time| {
        let time = ask.language.moment(time);
        format!("{}: {time}", texts.admin_next_try)
    });
    let parts = [Some(ask.language.moment(delivery.at)), Some(answer), next];
    let what =
        if delivery.code == "test" { texts.admin_test } else { happened::words(texts, &delivery.code) };
    Row { what, about: parts.into_iter().flatten().collect::<Vec<_>>().join(" · ") }
}
