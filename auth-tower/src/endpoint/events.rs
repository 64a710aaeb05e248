//! What happened to accounts, as the audit has it.

use auth_core::{AuditEvent, UserId};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use super::{
    admin::{Query, invalid, limit},
    caller, json, rfc3339,
};
use crate::{
    Body,
    problem::Problem,
    service::{Inner, Refusal},
};

#[derive(Serialize)]
struct EventsDocument<'a> {
    events: Vec<EventDocument<'a>>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(super) struct EventDocument<'a> {
    id: String,
    at: String,
    event: &'a str,
    reason: Option<&'a str>,
    user: Option<String>,
    actor: Option<String>,
    session: Option<String>,
    ip: Option<String>,
    request_id: Option<&'a str>,
}

impl<'a> EventDocument<'a> {
    pub(super) fn of(event: &'a AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: rfc3339(event.at),
            event: &event.code,
            reason: event.reason.as_deref(),
            user: event.user.map(|user| user.to_string()),
            actor: event.actor.map(|actor| actor.to_string()),
            session: event.session.map(|session| session.to_string()),
            ip: event.ip.map(|ip| ip.to_string()),
            request_id: event.request_id.as_deref(),
        }
    }
}

/// A page: how many, and the last one of the page before.
fn page(query: &Query) -> Result<(u64, Option<Uuid>), Problem> {
    let before = query.get("cursor").map(|cursor| cursor.parse()).transpose();
    let before = before.map_err(|_| {
        invalid(auth_core::FieldError::new("cursor", "invalid_cursor", "the cursor is none of a page before"))
    })?;
    Ok((limit(query).map_err(invalid)?, before))
}

fn document(events: &[AuditEvent], limit: u64) -> Response<Body> {
    let is_full = u64::try_from(events.len()).is_ok_and(|length| length >= limit);
    let next_cursor = events.last().filter(|_| is_full).map(|event| event.id.to_string());
    let events = events.iter().map(EventDocument::of).collect();
    json(StatusCode::OK, &EventsDocument { events, next_cursor })
}

/// `GET /users/me/events?limit=&cursor=`: what happened to the caller's account, the latest first.
pub(crate) async fn own_events(
    service: &Inner,
    headers: &HeaderMap,
    query: Query,
) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let (limit, before) = page(&query)?;
    Ok(document(&service.auth.own_events(&caller, before, limit).await?, limit))
}

/// `GET /users/{id}/events?limit=&cursor=`: what happened to the account, the latest first; also to one that is gone, for as
/// long as the audit keeps it.
pub(crate) async fn events_of(
    service: &Inner,
    user: UserId,
    query: Query,
) -> Result<Response<Body>, Refusal> {
    let (limit, before) = page(&query)?;
    let events = service.auth.events(user, before, limit).await?;
    if events.is_empty() && before.is_none() {
        // Nothing has happened to who never was; but then it should say so.
        service.auth.user(user).await?;
    }
    Ok(document(&events, limit))
}
