//! The feed, for services that read on and on.

use std::time::Duration;

use auth_core::{Caller as Who, FeedEvent, FeedQuery, machine::EVENTS_SCOPE};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Doors,
    answer::json,
    fields::{Query, invalid},
};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{closed, id, list, nullable, perhaps, text, time},
    },
    problem::Problem,
    rfc3339_millis,
    route::{Address, Answered, Caller, Endpoint, Route},
    service::{Call, Inner},
};

/// The most events of one page, and how many there are when nothing is said.
const LIMIT_MAX: u64 = 1000;
const LIMIT: u64 = 100;
/// The longest that a reader may be kept waiting, in seconds: shorter than what proxies wait for.
const WAIT_MAX: u64 = 25;

impl Endpoint {
    /// `GET /events`, for service accounts whose key has the scope `events`
    pub const FEED: Self = Self(&Address::new(
        "/events",
        &[Route::get(|call| Box::pin(events(call)), describe).open_to(Caller::Bearer).and_machines()],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::FEED],
    open: |auth| auth.machines().is_some() && auth.config().audit_retention.is_some(),
    schemas: |_| schemas(),
    codes: &[(
        "cursor_too_old",
        410,
        "events after this place are not kept any more, or there never was such a place",
    )],
    ..Doors::tagged(Tag::SERVICES)
};

#[derive(Serialize)]
struct Page {
    events: Vec<EventDocument>,
    next: i64,
}

#[derive(Serialize)]
struct EventDocument {
    id: String,
    seq: i64,
    r#type: String,
    at: String,
    user_id: Option<String>,
    session_id: Option<String>,
    actor: Option<String>,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<FeedEvent> for EventDocument {
    fn from(placed: FeedEvent) -> Self {
        let FeedEvent { seq, event, .. } = placed;
        Self {
            id: event.id.to_string(),
            seq,
            r#type: event.code,
            at: rfc3339_millis(event.at),
            user_id: event.user.map(|user| user.to_string()),
            session_id: event.session.map(|session| session.to_string()),
            actor: event.actor.map(|actor| actor.to_string()),
            data: Data { reason: event.reason },
        }
    }
}

/// `GET /events?after=&limit=&types=&wait=`. Without `after` it tells from where to read on, and nothing else.
async fn events(mut call: Call) -> Answered {
    let caller = call.caller()?;
    if caller.caller() != Who::Service || !caller.has_scope(EVENTS_SCOPE) {
        return Err(Problem::forbidden().into());
    }
    // At this moment: a key that has ended reads nothing more.
    let machines = call.service.machines()?;
    machines.current(&caller).await?;
    let given = call.query()?;
    let after = number(&given, "after", 0, u64::MAX)?;
    let limit = number(&given, "limit", 1, LIMIT_MAX)?.unwrap_or(LIMIT);
    let wait = number(&given, "wait", 0, WAIT_MAX)?.unwrap_or(0);
    let types = given.get("types").map(String::as_str).unwrap_or_default();
    let mut query = after
        .map_or_else(FeedQuery::from_now, |after| FeedQuery::after(i64::try_from(after).unwrap_or(i64::MAX)));
    query = query.limit(limit).wait(Duration::from_secs(wait));
    query = query.types(types.split(',').map(str::trim).filter(|code| !code.is_empty()));
    let page = call.service.auth.events_after(query).await?;
    if wait > 0 {
        // It may have ended meanwhile.
        machines.current(&caller).await?;
    }
    let events = page.events.into_iter().map(EventDocument::from).collect();
    Ok(json(StatusCode::OK, &Page { events, next: page.next }))
}

fn number(query: &Query, name: &'static str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
    let Some(text) = query.get(name) else { return Ok(None) };
    // Digits only: parsing alone would take a sign.
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let number = number.filter(|number| (least..=most).contains(number));
    number
        .map(Some)
        .ok_or_else(|| invalid(name, "out_of_range", "has to be a whole number within its bounds"))
}

fn describe(_: &Inner) -> Operation {
    let whole = |name: &str, about: &str, least: u64, most: Option<u64>| {
        let mut schema = json!({"type": "integer", "minimum": least});
        if let (Some(most), Some(schema)) = (most, schema.as_object_mut()) {
            schema.insert("maximum".to_owned(), json!(most));
        }
        json!({"name": name, "in": "query", "description": about, "schema": schema})
    };
    [
        whole("after", "The `next` of the page before. Without it: from where to read on, and no events.", 0, None),
        whole("limit", "The most events of a page; 100 where it is not given.", 1, Some(LIMIT_MAX)),
        whole("wait", "Seconds to wait while there is nothing.", 0, Some(WAIT_MAX)),
        json!({"name": "types", "in": "query", "description": "Codes of events with commas between them; none: all.", "schema": text()}),
    ]
    .into_iter()
    .fold(Operation::new("feed", "What happened, one after the other"), Operation::parameter)
    .describe("The feed, for service accounts whose key has the scope `events`. Whoever reads on from `next` misses nothing.")
    .answers_with(200, "A page.", "Feed")
    .fails(&["validation_failed", "forbidden", "cursor_too_old"])
    .needs_the_database()
}

fn schemas() -> Vec<(&'static str, Value)> {
    let event = json!({
        "id": id(),
        "seq": {"type": "integer", "minimum": 1},
        "type": text(),
        "at": time(),
        "user_id": perhaps(&id()),
        "session_id": perhaps(&id()),
        "actor": nullable(),
        "data": {"type": "object", "properties": {"reason": text()}, "additionalProperties": false},
    });
    let page = json!({"events": list("FeedEvent"), "next": {"type": "integer", "minimum": 0}});
    vec![("FeedEvent", closed(&event)), ("Feed", closed(&page))]
}
