use auth_core::{ClientInfo, Session, SessionId};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::{caller, json, no_content, rfc3339};
use crate::{
    Body,
    service::{Inner, Refusal},
};

#[derive(Serialize)]
struct SessionsDocument<'a> {
    sessions: Vec<SessionDocument<'a>>,
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
    pub(super) fn of(session: &'a Session, current: SessionId) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
            expires_at: rfc3339(session.expires_at),
            user_agent: session.user_agent.as_deref(),
            ip: session.ip.map(|ip| ip.to_string()),
            methods: &session.methods,
            current: session.id == current,
        }
    }
}

/// `GET /users/me/sessions`: the caller's live sessions, the most recently used first.
pub(crate) async fn sessions(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let sessions = service.auth.sessions(&caller).await?;
    let sessions = sessions.iter().map(|session| SessionDocument::of(session, caller.session_id())).collect();
    Ok(json(StatusCode::OK, &SessionsDocument { sessions }))
}

/// `DELETE /users/me/sessions`: ends all but the caller's own.
pub(crate) async fn end_other_sessions(
    service: &Inner,
    headers: &HeaderMap,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    service.auth.end_other_sessions(&caller(service, headers)?, client).await?;
    Ok(no_content())
}

/// `DELETE /users/me/sessions/{id}`: ends one, which may be the caller's own. One that is somebody else's is as
/// unknown as one that never was.
pub(crate) async fn end_session(
    service: &Inner,
    headers: &HeaderMap,
    session: SessionId,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    service.auth.end_session(&caller(service, headers)?, session, client).await?;
    Ok(no_content())
}
