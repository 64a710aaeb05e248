//! What somebody who is signed in does to the account itself.

use auth_core::{ClientInfo, Export, Identity, Password, Principal};
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

/// An account at an identity provider, as its owner sees it.
#[derive(Serialize)]
pub(super) struct IdentityDocument<'a> {
    id: String,
    provider: &'a str,
    issuer: &'a str,
    email: Option<&'a str>,
    created_at: String,
    last_used_at: Option<String>,
}

impl<'a> IdentityDocument<'a> {
    pub(super) fn of(identity: &'a Identity) -> Self {
        Self {
            id: identity.id.to_string(),
            provider: &identity.provider,
            issuer: &identity.issuer,
            email: identity.email.as_deref(),
            created_at: rfc3339(identity.created_at),
            last_used_at: identity.last_used_at.map(rfc3339),
        }
    }
}

#[derive(Serialize)]
struct ExportDocument<'a> {
    user: UserDocument<'a>,
    sessions: Vec<SessionDocument<'a>>,
    identities: Vec<IdentityDocument<'a>>,
    events: Vec<EventDocument<'a>>,
}

/// `GET /users/me/export`: all that is stored about the caller.
pub(crate) async fn export(service: &Inner, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller: Principal = caller(service, headers)?;
    let Export { user, sessions, identities, events, .. } = service.auth.export(&caller).await?;
    let document = ExportDocument {
        user: UserDocument::of(&user),
        sessions: sessions.iter().map(|session| SessionDocument::of(session, caller.session_id())).collect(),
        identities: identities.iter().map(IdentityDocument::of).collect(),
        events: events.iter().map(EventDocument::of).collect(),
    };
    Ok(json(StatusCode::OK, &document))
}
