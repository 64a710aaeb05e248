//! `/oauth/{provider}` and `/users/me/identities`.

use serde_json::{Value, json};

use super::operation::{Operation, SOCIAL, header};

fn redirect(description: &str) -> Value {
    json!({
        "description": description,
        "headers": {"Location": header("Location"), "Set-Cookie": header("Set-Cookie")},
    })
}

fn text(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": {"type": "string"}})
}

pub(super) fn authorize() -> Operation {
    Operation::new(SOCIAL, "authorize", "Go to a provider and sign in")
        .describe("For a browser to go to, not for a script to fetch.")
        .parameter(text("redirect_to", "Where to come back: a local path, or a page of a trusted origin."))
        .answer(302, redirect("On to the provider; or to `redirect_to` with `?error=` and a code."))
        .fails(&["not_found", "validation_failed"])
}

pub(super) fn callback() -> Operation {
    let parameters = [
        text("state", "Ours, as it was sent."),
        text("code", "The provider's, for its token endpoint."),
        text("iss", "The provider's name (RFC 9207)."),
        text("error", "Why not."),
    ];
    parameters
        .into_iter()
        .fold(Operation::new(SOCIAL, "callback", "Come back from a provider"), Operation::parameter)
        .describe("Where the provider sends the browser.")
        .answer(302, redirect("To the page that was asked for: signed in, or with `?error=` and a code."))
        .fails(&["not_found"])
}

pub(super) fn identities() -> Operation {
    Operation::new(SOCIAL, "identities", "The accounts elsewhere with which I can sign in")
        .needs_a_token()
        .answers_with(200, "The oldest first.", "Identities")
}

pub(super) fn link() -> Operation {
    let example =
        json!({"provider": "google", "redirect_to": "/settings", "password": "correct horse battery"});
    Operation::new(SOCIAL, "link_identity", "Add an account elsewhere")
        .describe("Without a password of one's own: within five minutes of a sign-in.")
        .needs_a_token()
        .takes("Link", &example)
        .answers_with(200, "Where the browser has to go.", "Authorization")
        .fails(&["validation_failed", "not_found", "provider_answer_invalid", "provider_unavailable"])
        .hashes()
}

pub(super) fn unlink() -> Operation {
    Operation::new(SOCIAL, "unlink_identity", "Take an account elsewhere away")
        .needs_a_token()
        .answers(204, "It signs in nobody any more.")
        .fails(&["not_found", "last_way_in"])
}
