//! What somebody who is signed in does to the account itself.

use auth_core::{AuditEvent, ClientInfo, Export, Password, Principal};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::{
    UserDocument, accepted, caller,
    fields::{object, optional_text, texts},
    json, no_content, rfc3339,
    sessions::SessionDocument,
};
use crate::{
    Body,
    service::{Inner, Object, Payload, Refusal},
};

/// `POST /users/me/password`.
pub(crate) async fn change_password(
    service: &Inner,
    headers: &HeaderMap,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let [current, new] = texts(payload, ["current_password", "new_password"])?;
    let client = client.actor(caller.user_id());
    service.auth.change_password(&caller, current, new, client).await?;
    Ok(no_content())
}

/// `POST /users/me/email`: nothing changes until the link in the mail to the new address is followed.
pub(crate) async fn change_email(
    service: &Inner,
    headers: &HeaderMap,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let mut object = object(payload)?;
    let password = password(&mut object)?;
    let [email] = texts(Payload::Json(crate::service::Json::Object(object)), ["email"])?;
    let client = client.actor(caller.user_id());
    service.auth.request_email_change(&caller, email, password, client).await?;
    Ok(accepted())
}

/// `DELETE /users/me`.
pub(crate) async fn delete_me(
    service: &Inner,
    headers: &HeaderMap,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    // Without a body as without a password: whether one is needed depends on the account.
    let mut object = match payload {
        Payload::Nothing => Object::new(),
        payload => object(payload)?,
    };
    let password = password(&mut object)?;
    let client = client.actor(caller.user_id());
    service.auth.delete_account(&caller, password, client).await?;
    let mut response = no_content();
    service.cookies.refresh.clear(response.headers_mut());
    Ok(response)
}

fn password(object: &mut Object) -> Result<Option<Password>, Refusal> {
    Ok(optional_text(object, "password")?.map(Password::from))
}

#[derive(Serialize)]
struct ExportDocument<'a> {
    user: UserDocument<'a>,
    sessions: Vec<SessionDocument<'a>>,
    events: Vec<EventDocument<'a>>,
}

#[derive(Serialize)]
struct EventsDocument<'a> {
    events: Vec<EventDocument<'a>>,
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

/// `GET /users/me/export`: all that is stored about the caller.
pub(crate) async fn export(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller: Principal = caller(service, headers)?;
    let Export { user, sessions, events, .. } = service.auth.export(&caller).await?;
    let document = ExportDocument {
        user: UserDocument::of(&user),
        sessions: sessions.iter().map(|session| SessionDocument::of(session, caller.session_id())).collect(),
        events: events.iter().map(EventDocument::of).collect(),
    };
    Ok(json(StatusCode::OK, &document))
}

/// `GET /users/me/events`: what happened to the account, the latest 100.
pub(crate) async fn own_events(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let events = service.auth.own_events(&caller(service, headers)?, None, 100).await?;
    Ok(json(StatusCode::OK, &EventsDocument { events: events.iter().map(EventDocument::of).collect() }))
}
