//! The accounts at providers with which the caller can sign in.

use auth_core::{ClientInfo, Identity, Password, oidc::Oidc};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use super::{
    caller,
    fields::{object, optional_text, texts_of},
    json, no_content,
    oauth::{set_cookie, start},
    rfc3339,
};
use crate::{
    Body,
    service::{Inner, Payload, Refusal},
};

/// An account at an identity provider, as its owner sees it.
#[derive(Serialize)]
struct IdentityDocument<'a> {
    id: String,
    provider: &'a str,
    issuer: &'a str,
    email: Option<&'a str>,
    created_at: String,
    last_used_at: Option<String>,
}

impl<'a> IdentityDocument<'a> {
    fn of(identity: &'a Identity) -> Self {
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
struct IdentitiesDocument<'a> {
    identities: Vec<IdentityDocument<'a>>,
}

/// `GET /users/me/identities`: the oldest first.
pub(crate) async fn identities(
    service: &Inner,
    oidc: &Oidc,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let identities = oidc.identities(&caller(service, headers)?).await?;
    let identities = identities.iter().map(IdentityDocument::of).collect();
    Ok(json(StatusCode::OK, &IdentitiesDocument { identities }))
}

#[derive(Serialize)]
struct LinkDocument<'a> {
    authorization_url: &'a str,
}

/// `POST /users/me/identities` `{"provider", "redirect_to", "password"}`: where the page has to go to link an identity.
/// The access token is in the page and in no navigation, so the page asks here and then goes.
pub(crate) async fn link_identity(
    service: &Inner,
    oidc: &Oidc,
    headers: &HeaderMap,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let mut object = object(payload)?;
    let redirect_to = optional_text(&mut object, "redirect_to")?;
    let password = optional_text(&mut object, "password")?.map(Password::from);
    let [provider] = texts_of(object, ["provider"])?;
    let client = client.actor(caller.user_id());
    let start = start(service, &provider, redirect_to, headers, client);
    let authorization = oidc.start_link(&caller, password, start).await?;
    let mut response = json(StatusCode::OK, &LinkDocument { authorization_url: &authorization.url });
    set_cookie(service, headers, &mut response, &authorization);
    Ok(response)
}

/// `DELETE /users/me/identities/{id}`: never the last way in.
pub(crate) async fn unlink_identity(
    service: &Inner,
    oidc: &Oidc,
    headers: &HeaderMap,
    identity: Uuid,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let caller = caller(service, headers)?;
    let client = client.actor(caller.user_id());
    oidc.unlink(&caller, identity, client).await?;
    Ok(no_content())
}
