//! The accounts at providers with which the caller can sign in.

use auth_core::Identity;
use http::StatusCode;
use serde::Serialize;

use crate::{
    endpoint::{
        answer::{json, no_content},
        fields::password_again,
    },
    openapi::Operation,
    rfc3339,
    route::{Answered, Caller, Route, Takes},
    service::{Call, Inner},
};

pub(super) const GET: Route =
    Route::get(|call| Box::pin(identities(call)), describe_identities).open_to(Caller::Bearer);

pub(super) const DELETE: Route = Route::delete(|call| Box::pin(unlink_identity(call)), describe_unlink)
    .takes(Takes::Json)
    .open_to(Caller::Bearer);

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
async fn identities(mut call: Call) -> Answered {
    let identities = call.service.oidc()?.identities(&call.caller()?).await?;
    let identities = identities.iter().map(IdentityDocument::of).collect();
    Ok(json(StatusCode::OK, &IdentitiesDocument { identities }))
}

fn describe_identities(_: &Inner) -> Operation {
    Operation::new("identities", "The accounts elsewhere with which I can sign in").answers_with(
        200,
        "The oldest first.",
        "Identities",
    )
}

/// `DELETE /users/me/identities/{id}` `{"password"}`: never the last way in.
async fn unlink_identity(mut call: Call) -> Answered {
    let (caller, identity) = (call.caller()?, call.id()?);
    let password = password_again(call.payload)?;
    let client = call.client.actor(caller.user_id());
    call.service.oidc()?.unlink(&caller, identity, password, client).await?;
    Ok(no_content())
}

fn describe_unlink(_: &Inner) -> Operation {
    Operation::new("unlink_identity", "Take an account elsewhere away")
        .describe("An account without a password needs a sign-in of the last five minutes instead, at the provider too.")
        .takes_password_again()
        .answers(204, "It signs in nobody any more.")
        .fails(&["validation_failed", "not_found", "last_way_in"])
        .hashes()
        .wants_proof()
}
