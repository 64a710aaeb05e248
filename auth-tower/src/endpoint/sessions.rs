//! The sessions of whoever is signed in.

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::{
    Doors,
    answer::{json, no_content},
    document::SessionDocument,
};
use crate::{
    openapi::{
        Operation, Tag,
        shape::{closed, list},
    },
    route::{Address, Answered, Caller, Endpoint, Route},
    service::{Call, Inner},
};

impl Endpoint {
    /// `GET` and `DELETE /users/me/sessions`
    pub const SESSIONS: Self = Self(&Address::new(
        "/users/me/sessions",
        &[
            Route::get(|call| Box::pin(sessions(call)), describe_sessions).open_to(Caller::Bearer),
            Route::delete(|call| Box::pin(end_other_sessions(call)), describe_end_other_sessions)
                .open_to(Caller::Bearer),
        ],
    ));
    /// `DELETE /users/me/sessions/{id}`
    pub const SESSION: Self = Self(&Address::of_one(
        "/users/me/sessions/{id}",
        &[Route::delete(|call| Box::pin(end_session(call)), describe_end_session).open_to(Caller::Bearer)],
    ));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::SESSIONS, Endpoint::SESSION],
    schemas: |_| vec![("Sessions", closed(&json!({"sessions": list("Session")})))],
    ..Doors::tagged(Tag::ACCOUNT)
};

#[derive(Serialize)]
struct SessionsDocument<'a> {
    sessions: Vec<SessionDocument<'a>>,
}

/// `GET /users/me/sessions`: the caller's live sessions, the most recently used first.
async fn sessions(mut call: Call) -> Answered {
    let caller = call.caller()?;
    let sessions = call.service.auth.sessions(&caller).await?;
    let sessions = sessions.iter().map(|session| SessionDocument::of(session, caller.session_id())).collect();
    Ok(json(StatusCode::OK, &SessionsDocument { sessions }))
}

fn describe_sessions(_: &Inner) -> Operation {
    Operation::new("sessions", "My sessions").answers_with(
        200,
        "The live ones, the most recently used first.",
        "Sessions",
    )
}

/// `DELETE /users/me/sessions`: ends all but the caller's own.
async fn end_other_sessions(mut call: Call) -> Answered {
    let caller = call.caller()?;
    call.service.auth.end_other_sessions(&caller, call.client).await?;
    Ok(no_content())
}

fn describe_end_other_sessions(_: &Inner) -> Operation {
    Operation::new("end_other_sessions", "End all other sessions").answers(204, "They are over.")
}

/// `DELETE /users/me/sessions/{id}`: ends one, which may be the caller's own. One that is somebody else's is as
/// unknown as one that never was.
async fn end_session(mut call: Call) -> Answered {
    let (caller, session) = (call.caller()?, call.id()?);
    call.service.auth.end_session(&caller, session, call.client).await?;
    Ok(no_content())
}

fn describe_end_session(_: &Inner) -> Operation {
    Operation::new("end_session", "End a session").answers(204, "It is over.").fails(&["not_found"])
}
