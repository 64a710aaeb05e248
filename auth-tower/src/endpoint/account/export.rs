use auth_core::{ClientInfo, Error, Export, Principal};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Body,
    endpoint::{
        answer::json,
        document::{EventDocument, RowsDocument, SessionDocument, UserDocument, rows},
    },
    openapi::{
        Operation,
        shape::{closed, id, list, nullable, perhaps, reference, text, time},
    },
    route::{Answered, Caller, Route},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route = Route::get(|call| Box::pin(export(call)), describe).open_to(Caller::Bearer);

#[derive(Serialize)]
struct ExportDocument<'a> {
    user: UserDocument<'a>,
    sessions: Vec<SessionDocument<'a>>,
    events: Vec<EventDocument<'a>>,
    /// A member for each room that stores something about a person.
    #[serde(flatten)]
    rooms: RowsDocument,
}

/// `GET /users/me/export`: all that is stored about the caller.
async fn export(mut call: Call) -> Answered {
    let caller = call.caller()?;
    Ok(exported(&call.service, &caller, call.client).await?)
}

/// The same for whoever looks at a page.
pub(crate) async fn exported(
    service: &Inner,
    caller: &Principal,
    client: ClientInfo,
) -> Result<Response<Body>, Error> {
    let Export { user, sessions, rooms, events, .. } = service.auth.export_for(caller, client).await?;
    let document = ExportDocument {
        user: UserDocument::of(&user),
        sessions: sessions.iter().map(|session| SessionDocument::of(session, caller.session_id())).collect(),
        events: events.iter().map(EventDocument::of).collect(),
        rooms: rows(&rooms),
    };
    Ok(json(StatusCode::OK, &document))
}

fn describe(_: &Inner) -> Operation {
    Operation::new("export", "All that is stored about me")
        .answers_with(200, "Without secrets.", "Export")
        .wants_proof()
}

pub(super) fn schemas() -> [(&'static str, Value); 8] {
    let export = closed(&json!({
        "user": reference("User"),
        "sessions": list("Session"),
        "identities": list("Identity"),
        "authenticator_apps": list("AuthenticatorApp"),
        "recovery_codes": list("AuthenticatorApp"),
        "wrong_codes": list("WrongCode"),
        "email_sign_ins": list("ExportedEmailSignIn"),
        "api_keys": list("ExportedApiKey"),
        "passkeys": list("ExportedPasskey"),
        "remembered_devices": list("RememberedDevice"),
        "events": list("Event"),
    }));
    // Of accounts elsewhere all is stored and exported, also by a program that lets nobody sign in with them.
    let identity = closed(&json!({
        "id": id(),
        "provider": text(),
        "issuer": text(),
        "email": nullable(),
        "created_at": time(),
        "last_used_at": perhaps(&time()),
    }));
    let app = closed(&json!({"created_at": time()}));
    let wrong = closed(&json!({"at": time(), "network": text()}));
    let email = closed(&json!({"created_at": time(), "expires_at": time()}));
    let key = closed(&json!({
        "id": id(),
        "name": text(),
        "hint": text(),
        "scopes": text(),
        "created_at": time(),
        "expires_at": perhaps(&time()),
        "last_used_at": perhaps(&time()),
    }));
    let passkey = closed(&json!({
        "id": id(),
        "rp_id": text(),
        "name": text(),
        "aaguid": id(),
        "transports": text(),
        "created_at": time(),
        "last_used_at": perhaps(&time()),
    }));
    let device = closed(&json!({"name": nullable(), "created_at": time(), "last_used_at": time()}));
    [
        ("ExportedApiKey", key),
        ("Export", export),
        ("Identity", identity),
        ("AuthenticatorApp", app),
        ("WrongCode", wrong),
        ("ExportedEmailSignIn", email),
        ("ExportedPasskey", passkey),
        ("RememberedDevice", device),
    ]
}
