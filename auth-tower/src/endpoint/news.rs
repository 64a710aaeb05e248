//! Who is told of events, for administrators.

use auth_core::{
    AuditEvent, FieldError,
    webhooks::{Delivery, MadeWebhook, NewWebhook, Webhook, WebhookChange, WebhookSecret, Webhooks},
};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Doors,
    answer::{self, no_content},
    fields::{limit, object, optional_bool, optional_list, optional_text, texts_of},
};
use crate::{
    Body,
    openapi::{
        Operation, Tag,
        shape::{self, closed, id, list, one_of, perhaps, text, time, with},
    },
    problem::Problem,
    rfc3339,
    route::{Address, Answered, Caller, Endpoint, Route, Takes},
    service::{Call, Inner, Json},
};

/// For administrators who have shown lately who they are: a webhook carries what happens to every account out of the house.
const fn by_post(answer: fn(Call) -> crate::route::Answer, described: fn(&Inner) -> Operation) -> Route {
    Route::post(answer, described).open_to(Caller::Administrator).on_proof()
}

impl Endpoint {
    /// `GET` and `POST /webhooks`, for administrators
    pub const WEBHOOKS: Self = Self(&Address::new(
        "/webhooks",
        &[
            Route::get(|call| Box::pin(webhooks(call)), describe_webhooks).open_to(Caller::Administrator),
            by_post(|call| Box::pin(create(call)), describe_create).takes(Takes::Json),
        ],
    ));
    /// `GET`, `PATCH` and `DELETE /webhooks/{id}`, for administrators
    pub const WEBHOOK: Self = Self(&Address::of_one(
        "/webhooks/{id}",
        &[
            Route::get(|call| Box::pin(webhook(call)), describe_webhook).open_to(Caller::Administrator),
            Route::patch(|call| Box::pin(change(call)), describe_change)
                .takes(Takes::Json)
                .open_to(Caller::Administrator)
                .on_proof(),
            Route::delete(|call| Box::pin(remove(call)), describe_remove)
                .open_to(Caller::Administrator)
                .on_proof(),
        ],
    ));
    /// `GET /webhooks/{id}/deliveries`, for administrators
    pub const WEBHOOK_DELIVERIES: Self = Self(&Address::of_one(
        "/webhooks/{id}/deliveries",
        &[Route::get(|call| Box::pin(deliveries(call)), describe_deliveries).open_to(Caller::Administrator)],
    ));
    /// `POST /webhooks/{id}/test`, for administrators
    pub const WEBHOOK_TEST: Self =
        Self(&Address::of_one("/webhooks/{id}/test", &[by_post(|call| Box::pin(test(call)), describe_test)]));
    /// `POST /webhooks/{id}/replay`, for administrators
    pub const WEBHOOK_REPLAY: Self = Self(&Address::of_one(
        "/webhooks/{id}/replay",
        &[by_post(|call| Box::pin(replay(call)), describe_replay).takes(Takes::Json)],
    ));
    /// `POST /webhooks/{id}/rotate-secret`, for administrators
    pub const WEBHOOK_ROTATE_SECRET: Self = Self(&Address::of_one(
        "/webhooks/{id}/rotate-secret",
        &[by_post(|call| Box::pin(rotate_secret(call)), describe_rotate_secret)],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[
        Endpoint::WEBHOOKS,
        Endpoint::WEBHOOK,
        Endpoint::WEBHOOK_DELIVERIES,
        Endpoint::WEBHOOK_TEST,
        Endpoint::WEBHOOK_REPLAY,
        Endpoint::WEBHOOK_ROTATE_SECRET,
    ],
    open: |auth| auth.webhooks().is_some(),
    schemas: |_| schemas(),
    codes: &[("webhook_of_setting", 409, "a setting of the service names this webhook: it is changed there")],
    ..Doors::tagged(Tag {
        name: "Webhooks",
        description: "Who is told of events as they happen: the role `admin` is needed.",
    })
};

impl Inner {
    fn webhooks(&self) -> Result<Webhooks, Problem> {
        self.auth.webhooks().ok_or_else(Problem::not_found)
    }
}

#[derive(Serialize)]
struct WebhookDocument<'a> {
    id: String,
    url: &'a str,
    types: &'a [String],
    of_setting: bool,
    created_at: String,
    after: i64,
    failing_since: Option<String>,
    next_try_at: Option<String>,
    off: Option<OffDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

#[derive(Serialize)]
struct OffDocument<'a> {
    at: String,
    reason: &'a str,
}

impl<'a> WebhookDocument<'a> {
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            url: &webhook.url,
            types: &webhook.types,
            of_setting: webhook.is_of_setting,
            created_at: rfc3339(webhook.created_at),
            after: webhook.after,
            failing_since: webhook.failing_since.map(rfc3339),
            next_try_at: webhook.next_try_at.map(rfc3339),
            off: webhook.off.as_ref().map(|off| OffDocument { at: rfc3339(off.at), reason: &off.reason }),
            secret: None,
        }
    }
}

#[derive(Serialize)]
struct WebhooksDocument<'a> {
    webhooks: Vec<WebhookDocument<'a>>,
}

#[derive(Serialize)]
struct DeliveryDocument<'a> {
    event_id: String,
    r#type: &'a str,
    at: String,
    status: Option<u16>,
    duration_ms: u64,
    next_try_at: Option<String>,
}

impl<'a> DeliveryDocument<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        Self {
            event_id: delivery.event.to_string(),
            r#type: &delivery.code,
            at: rfc3339(delivery.at),
            status: delivery.status,
            duration_ms: u64::try_from(delivery.took.as_millis()).unwrap_or(u64::MAX),
            next_try_at: delivery.next_try_at.map(rfc3339),
        }
    }
}

#[derive(Serialize)]
struct DeliveriesDocument<'a> {
    deliveries: Vec<DeliveryDocument<'a>>,
}

fn with_secret(status: StatusCode, made: &MadeWebhook) -> Response<Body> {
    let document =
        WebhookDocument { secret: Some(made.secret.expose()), ..WebhookDocument::of(&made.webhook) };
    answer::json(status, &document)
}

/// `GET /webhooks`.
async fn webhooks(call: Call) -> Answered {
    let all = call.service.webhooks()?.list().await?;
    let webhooks = all.iter().map(WebhookDocument::of).collect();
    Ok(answer::json(StatusCode::OK, &WebhooksDocument { webhooks }))
}

fn describe_webhooks(_: &Inner) -> Operation {
    Operation::new("webhooks", "List webhooks").describe("Those of settings too.").answers_with(
        200,
        "All of them, the oldest first.",
        "WebhookList",
    )
}

/// `POST /webhooks` `{"url", "types", "secret"}`.
async fn create(call: Call) -> Answered {
    let mut object = object(call.payload)?;
    let types = optional_list(&mut object, "types").map_err(|error| Problem::validation(vec![error]))?;
    let secret = optional_text(&mut object, "secret")?;
    let [url] = texts_of(object, ["url"])?;
    let mut new = NewWebhook::new(url).types(types.unwrap_or_default());
    if let Some(secret) = secret {
        new = new.secret(WebhookSecret::new(secret));
    }
    let made = call.service.webhooks()?.create(new, call.client).await?;
    Ok(with_secret(StatusCode::CREATED, &made))
}

fn describe_create(_: &Inner) -> Operation {
    Operation::new("create_webhook", "Add a webhook")
        .describe("It is told of what happens from now on. Its secret is told once, here.")
        .takes("NewWebhook", &json!({"url": "https://crm.example.com/auth-events", "types": ["deleted"]}))
        .answers_with(201, "The webhook, with its secret.", "WebhookWithSecret")
        .fails(&["validation_failed"])
}

/// `GET /webhooks/{id}`.
async fn webhook(call: Call) -> Answered {
    let webhook = call.service.webhooks()?.find(call.id()?).await?;
    Ok(answer::json(StatusCode::OK, &WebhookDocument::of(&webhook)))
}

fn describe_webhook(_: &Inner) -> Operation {
    of_one("webhook", "Show a webhook").answers_with(200, "The webhook.", "Webhook")
}

/// `PATCH /webhooks/{id}` `{"url", "types", "on"}`.
async fn change(call: Call) -> Answered {
    let id = call.id()?;
    let mut object = object(call.payload)?;
    let refuse = |error: FieldError| Problem::validation(vec![error]);
    let mut change = WebhookChange::default();
    change.types = optional_list(&mut object, "types").map_err(refuse)?;
    change.on = optional_bool(&mut object, "on").map_err(refuse)?;
    change.url = optional_text(&mut object, "url")?;
    let webhook = call.service.webhooks()?.change(id, change, call.client).await?;
    Ok(answer::json(StatusCode::OK, &WebhookDocument::of(&webhook)))
}

fn describe_change(_: &Inner) -> Operation {
    of_one("change_webhook", "Change a webhook, or switch it off or on")
        .describe("What is not named stays. Switched on again it goes on where it was.")
        .takes("WebhookChange", &json!({"on": true}))
        .answers_with(200, "The webhook as it is now.", "Webhook")
        .fails(&["validation_failed", "webhook_of_setting"])
}

/// `DELETE /webhooks/{id}`.
async fn remove(call: Call) -> Answered {
    let id = call.id()?;
    call.service.webhooks()?.remove(id, call.client).await?;
    Ok(no_content())
}

fn describe_remove(_: &Inner) -> Operation {
    of_one("delete_webhook", "Remove a webhook")
        .answers(204, "With the list of its deliveries.")
        .fails(&["webhook_of_setting"])
}

/// `GET /webhooks/{id}/deliveries?limit=`.
async fn deliveries(call: Call) -> Answered {
    let limit = limit(&call.query()?)?;
    let tries = call.service.webhooks()?.deliveries(call.id()?, limit).await?;
    let deliveries = tries.iter().map(DeliveryDocument::of).collect();
    Ok(answer::json(StatusCode::OK, &DeliveriesDocument { deliveries }))
}

fn describe_deliveries(_: &Inner) -> Operation {
    let limit = json!({
        "name": "limit", "in": "query", "description": "The most that are listed.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    });
    of_one("webhook_deliveries", "What was sent to a webhook")
        .describe("Each try of a week.")
        .parameter(limit)
        .answers_with(200, "The latest first.", "DeliveryList")
        .fails(&["validation_failed"])
}

/// `POST /webhooks/{id}/test`.
async fn test(call: Call) -> Answered {
    let delivery = call.service.webhooks()?.test(call.id()?).await?;
    Ok(answer::json(StatusCode::OK, &DeliveryDocument::of(&delivery)))
}

fn describe_test(_: &Inner) -> Operation {
    of_one("test_webhook", "Send a test event")
        .describe("An event of the type `test`, at once and once.")
        .answers_with(200, "How that went.", "Delivery")
        .fails(&["webhook_of_setting"])
}

/// `POST /webhooks/{id}/replay` `{"after"}`.
async fn replay(call: Call) -> Answered {
    let id = call.id()?;
    let after = match object(call.payload)?.remove("after") {
        Some(Json::Number(after)) => i64::try_from(after).unwrap_or(i64::MAX),
        Some(_) => {
            return Err(after_is("wrong_type", "after must be a whole number that is not negative").into());
        }
        None => return Err(after_is("required", "after is missing").into()),
    };
    let webhook = call.service.webhooks()?.replay(id, after, call.client).await?;
    Ok(answer::json(StatusCode::OK, &WebhookDocument::of(&webhook)))
}

fn after_is(code: &'static str, rule: &'static str) -> Problem {
    super::fields::invalid("after", code, rule)
}

fn describe_replay(_: &Inner) -> Operation {
    of_one("replay_webhook", "Begin again after a place of the feed")
        .describe("It is switched on, and told anew of every event after that place.")
        .takes("Replay", &json!({"after": 4711}))
        .answers_with(200, "The webhook as it is now.", "Webhook")
        .fails(&["validation_failed", "cursor_too_old"])
}

/// `POST /webhooks/{id}/rotate-secret`.
async fn rotate_secret(call: Call) -> Answered {
    let id = call.id()?;
    let made = call.service.webhooks()?.rotate_secret(id, call.client).await?;
    Ok(with_secret(StatusCode::OK, &made))
}

fn describe_rotate_secret(_: &Inner) -> Operation {
    of_one("rotate_webhook_secret", "Give a webhook a new secret")
        .describe("It is told once, here. For a day the one before signs too.")
        .answers_with(200, "The webhook, with its new secret.", "WebhookWithSecret")
        .fails(&["webhook_of_setting"])
}

fn of_one(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).fails(&["not_found"])
}

fn schemas() -> Vec<(&'static str, Value)> {
    let off = json!({"at": time(), "reason": {"type": "string", "enum": ["gone", "failing", "by_hand"]}});
    let webhook = json!({
        "id": id(),
        "url": text(),
        "types": {"type": "array", "items": text(), "description": "Codes of events; none: all."},
        "of_setting": {"type": "boolean", "description": "A setting of the service names it: it is changed there."},
        "created_at": time(),
        "after": {"type": "integer", "minimum": 0, "description": "The last event of the feed that it was told of."},
        "failing_since": perhaps(&time()),
        "next_try_at": perhaps(&time()),
        "off": perhaps(&closed(&off)),
    });
    let secret = json!({"type": "string", "description": "`whsec_` and 24 to 64 bytes in base64."});
    let types = json!({
        "type": "array",
        "maxItems": 50,
        "items": one_of(AuditEvent::codes()),
        "description": "Codes of events; none: all.",
    });
    let url = json!({"type": "string", "maxLength": 2048, "description": "https, and of the public net."});
    let delivery = json!({
        "event_id": id(),
        "type": text(),
        "at": time(),
        "status": {"type": ["integer", "null"], "description": "Null: there was no answer."},
        "duration_ms": {"type": "integer", "minimum": 0},
        "next_try_at": perhaps(&time()),
    });
    vec![
        ("Webhook", closed(&webhook)),
        ("WebhookWithSecret", closed(&with(&webhook, [("secret", secret.clone())]))),
        ("WebhookList", closed(&json!({"webhooks": list("Webhook")}))),
        ("NewWebhook", shape::object(&["url"], &json!({"url": url, "types": types, "secret": secret}))),
        (
            "WebhookChange",
            shape::object(&[], &json!({"url": url, "types": types, "on": {"type": "boolean"}})),
        ),
        ("Delivery", closed(&delivery)),
        ("DeliveryList", closed(&json!({"deliveries": list("Delivery")}))),
        ("Replay", shape::object(&["after"], &json!({"after": {"type": "integer", "minimum": 0}}))),
    ]
}
