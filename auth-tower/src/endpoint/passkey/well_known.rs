//! What browsers and password managers look for at the root of the site.

use std::future::ready;

use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::{
    Body,
    endpoint::answer,
    openapi::Operation,
    route::{Answered, Route},
    service::{Call, Inner},
};

pub(super) const RELATED_ORIGINS: Route =
    Route::get(|call| Box::pin(ready(related_origins(&call))), describe_related_origins);
pub(super) const PASSKEY_ENDPOINTS: Route =
    Route::get(|call| Box::pin(ready(Ok(passkey_endpoints(&call)))), describe_endpoints);

#[derive(Serialize)]
struct RelatedOriginsDocument {
    origins: Vec<String>,
}

/// `GET /.well-known/webauthn` (WebAuthn Level 3 section 5.11).
fn related_origins(call: &Call) -> Answered {
    let origins = call.service.passkeys()?.related_origins();
    Ok(answer::json(StatusCode::OK, &RelatedOriginsDocument { origins }))
}

fn describe_related_origins(_: &Inner) -> Operation {
    Operation::new("related_origins", "The other origins that may ask for passkeys of this site")
        .describe("Has to be at the root of the host that the RP id names.")
        .answers_with(200, "Those that are no part of the site.", "RelatedOrigins")
}

/// `GET /.well-known/passkey-endpoints` (W3C, A Well-Known URL for Relying Party Passkey Endpoints): that there are passkeys, and the
/// pages for them; others are the host's own.
fn passkey_endpoints(call: &Call) -> Response<Body> {
    let pages = call.service.pages.get().map(|pages| format!("{}{pages}", call.service.origins.public_url()));
    let told = match pages {
        Some(pages) => json!({"enroll": format!("{pages}/passkeys"), "manage": format!("{pages}/security")}),
        None => json!({}),
    };
    answer::json(StatusCode::OK, &told)
}

fn describe_endpoints(_: &Inner) -> Operation {
    Operation::new("passkey_endpoints", "That there are passkeys here").answers_with(
        200,
        "With the pages for them, where those are of this service.",
        "PasskeyEndpoints",
    )
}
