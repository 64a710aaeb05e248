//! What somebody who is signed in does to the account itself.

use std::collections::BTreeMap;

use auth_core::{ClientInfo, Export, ExportedRow, ExportedValue, Password, Principal};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use super::{
    UserDocument, accepted, caller,
    events::EventDocument,
    fields::{object, optional_text, texts, texts_of},
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
    let [email] = texts_of(object, ["email"])?;
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
    /// A member for each room that stores something about a person.
    #[serde(flatten)]
    rooms: BTreeMap<&'static str, Vec<BTreeMap<&'static str, Option<String>>>>,
}

/// `GET /users/me/export`: all that is stored about the caller.
pub(crate) async fn export(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller: Principal = caller(service, headers)?;
    let Export { user, sessions, rooms, events, .. } = service.auth.export(&caller).await?;
    let document = ExportDocument {
        user: UserDocument::of(&user),
        sessions: sessions.iter().map(|session| SessionDocument::of(session, caller.session_id())).collect(),
        events: events.iter().map(EventDocument::of).collect(),
        rooms: rooms
            .into_iter()
            .map(|(member, rows)| {
                let row = |row: ExportedRow| {
                    row.into_iter().map(|(name, value)| (name, exported(value))).collect::<BTreeMap<_, _>>()
                };
                (member, rows.into_iter().map(row).collect())
            })
            .collect(),
    };
    Ok(json(StatusCode::OK, &document))
}

fn exported(value: ExportedValue) -> Option<String> {
    match value {
        ExportedValue::Id(id) => Some(id.to_string()),
        ExportedValue::Text(text) => Some(text),
        ExportedValue::Time(time) => Some(rfc3339(time)),
        // Nothing is stored; or a kind of value that a later version knows.
        _ => None,
    }
}
