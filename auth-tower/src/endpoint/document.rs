//! What several rooms show: a user, a session, what happened; and how that is described.

use std::collections::BTreeMap;

use auth_core::{AuditEvent, ExportedRow, ExportedValue, Session, SessionId, User};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer,
    fields::{Query, invalid, limit},
    passkey,
    profile::{self, ProfileDocument},
};
use crate::{
    Body,
    openapi::shape::{closed, email, id, joined, list, nullable, object, perhaps, text, texts, time},
    problem::Problem,
    rfc3339,
    service::Inner,
};

/// A user as clients see it.
#[derive(Debug, Serialize)]
pub(super) struct UserDocument<'a> {
    id: String,
    email: &'a str,
    email_verified: bool,
    roles: &'a [String],
    created_at: String,
    /// Nothing where there are no profiles.
    #[serde(flatten)]
    profile: Option<ProfileDocument<'a>>,
}

impl<'a> UserDocument<'a> {
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: user.id.to_string(),
            email: &user.email,
            email_verified: user.email_verified,
            roles: &user.roles,
            created_at: rfc3339(user.created_at),
            profile: user.profile.as_ref().map(ProfileDocument::of),
        }
    }
}

#[derive(Serialize)]
pub(super) struct SessionDocument<'a> {
    id: String,
    created_at: String,
    last_used_at: String,
    expires_at: String,
    user_agent: Option<&'a str>,
    ip: Option<String>,
    methods: &'a [String],
    current: bool,
}

impl<'a> SessionDocument<'a> {
    pub(super) fn of(session: &'a Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
            expires_at: rfc3339(session.expires_at),
            user_agent: session.user_agent.as_deref(),
            ip: session.ip.map(|ip| ip.to_string()),
            methods: &session.methods,
            current: Some(session.id) == current,
        }
    }
}

/// What happened to an account, as the audit has it.
#[derive(Serialize)]
pub(super) struct EventDocument<'a> {
    id: String,
    at: String,
    event: &'a str,
    reason: Option<&'a str>,
    user: Option<String>,
    actor: Option<String>,
    operator: Option<&'a str>,
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
            operator: event.operator.as_deref(),
            session: event.session.map(|session| session.to_string()),
            ip: event.ip.map(|ip| ip.to_string()),
            request_id: event.request_id.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct EventsDocument<'a> {
    events: Vec<EventDocument<'a>>,
    next_cursor: Option<String>,
}

/// What rooms store about a person, by the name of its member: rows of named values.
pub(super) type RowsDocument = BTreeMap<&'static str, Vec<BTreeMap<&'static str, Option<String>>>>;

pub(super) fn rows(rooms: &[(&'static str, Vec<ExportedRow>)]) -> RowsDocument {
    let row = |row: &ExportedRow| row.iter().map(|(name, value)| (*name, shown(value))).collect();
    rooms.iter().map(|(member, rows)| (*member, rows.iter().map(row).collect())).collect()
}

fn shown(value: &ExportedValue) -> Option<String> {
    match value {
        ExportedValue::Id(id) => Some(id.to_string()),
        ExportedValue::Text(text) => Some(text.clone()),
        ExportedValue::Time(time) => Some(rfc3339(*time)),
        // Nothing is stored; or a kind of value that a later version knows.
        _ => None,
    }
}

/// How many events, and the last one of the page before.
pub(super) fn page_of_events(query: &Query) -> Result<(u64, Option<Uuid>), Problem> {
    let before = query.get("cursor").map(|cursor| cursor.parse()).transpose();
    let before =
        before.map_err(|_| invalid("cursor", "invalid_cursor", "the cursor is none of a page before"))?;
    Ok((limit(query)?, before))
}

pub(super) fn events(events: &[AuditEvent], limit: u64) -> Response<Body> {
    let is_full = u64::try_from(events.len()).is_ok_and(|length| length >= limit);
    let next_cursor = events.last().filter(|_| is_full).map(|event| event.id.to_string());
    let events = events.iter().map(EventDocument::of).collect();
    answer::json(StatusCode::OK, &EventsDocument { events, next_cursor })
}

/// The members of a user, for those who see more of one too.
pub(super) fn user_members(service: &Inner) -> Value {
    let members = json!({
        "id": id(), "email": text(), "email_verified": {"type": "boolean"}, "roles": texts(), "created_at": time(),
    });
    joined(&members, &profile::members(service))
}

pub(crate) fn schemas(service: &Inner) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("User", closed(&user_members(service))),
        (
            "Session",
            closed(&json!({
                "id": id(),
                "created_at": time(),
                "last_used_at": time(),
                "expires_at": time(),
                "user_agent": nullable(),
                "ip": nullable(),
                "methods": texts(),
                "current": {"type": "boolean", "description": "Whether it is the caller's own."},
            })),
        ),
        (
            "Event",
            closed(&json!({
                "id": id(),
                "at": time(),
                "event": text(),
                "reason": nullable(),
                "user": perhaps(&id()),
                "actor": perhaps(&id()),
                "operator": {
                    "type": ["string", "null"],
                    "description": "Who acted where nobody was signed in: `cli`, for administrators with the account of the system behind a colon.",
                },
                "session": perhaps(&id()),
                "ip": nullable(),
                "request_id": nullable(),
            })),
        ),
        ("EventPage", closed(&json!({"events": list("Event"), "next_cursor": nullable()}))),
        ("Address", object(&["email"], &json!({"email": email()}))),
    ];
    all.extend(passkey::shared_schemas());
    all
}
