//! Links in mails, and what other services ask.

use serde_json::{Value, json};

use super::operation::{MAIL, Operation, SERVICES};

fn by_mail(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(MAIL, id, summary).fails(&["validation_failed", "throttled"]).needs_the_database()
}

fn asks_for_a_mail(id: &'static str, summary: &'static str) -> Operation {
    by_mail(id, summary)
        .describe("The same answer, after the same work, for every address.")
        .takes("Address", &json!({"email": "ada@example.com"}))
        .answers(202, "If it belongs to an account, a mail is on its way.")
}

fn page(id: &'static str, summary: &'static str) -> Operation {
    let page = json!({"description": "The built-in page.", "content": {"text/html": {"schema": {"type": "string"}}}});
    Operation::new(MAIL, id, summary).describe("Changes nothing: its button does.").answer(200, page)
}

pub(super) fn request_verify_token() -> Operation {
    asks_for_a_mail("request_verify_token", "Ask for a link to prove an address")
}

pub(super) fn verify_email_page() -> Operation {
    page("verify_email_page", "The page of a link to prove an address")
}

pub(super) fn verify_email() -> Operation {
    by_mail("verify_email", "Prove an address")
        .takes("OneTimeToken", &json!({"token": "from the link"}))
        .answers_with(200, "The user, whose address is proved.", "User")
        .fails(&["email_taken"])
}

pub(super) fn forgot_password() -> Operation {
    asks_for_a_mail("forgot_password", "Ask for a link to choose a new password")
}

pub(super) fn reset_password_page() -> Operation {
    page("reset_password_page", "The page of a link to choose a new password")
}

pub(super) fn reset_password() -> Operation {
    by_mail("reset_password", "Choose a new password by a link")
        .describe("Every session ends.")
        .takes("PasswordReset", &json!({"token": "from the link", "password": "correct horse battery"}))
        .answers(204, "It is changed.")
        .hashes()
}

pub(super) fn verify() -> Operation {
    let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    Operation::new(SERVICES, "verify", "Is this token good")
        .describe("For proxies that ask before they let a request through. Reads no database.")
        .needs_a_token()
        .answer(
            204,
            json!({
                "description": "It is, and it is theirs:",
                "headers": {
                    "X-Auth-User": header("The id of the user."),
                    "X-Auth-Session": header("The id of the session."),
                    "X-Auth-Roles": header("With commas between."),
                },
            }),
        )
}

pub(super) fn jwks() -> Operation {
    Operation::new(SERVICES, "jwks", "The public keys that verify access tokens")
        .describe("RFC 7517. Empty where the key is a secret, under HS256, HS384 and HS512.")
        .answer(200, of_schema("May be kept for as long as it says.", "application/jwk-set+json", "KeySet"))
}

pub(super) fn openapi() -> Operation {
    let answer = json!({
        "description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}},
    });
    Operation::new(SERVICES, "openapi", "This description").answer(200, answer)
}

fn of_schema(description: &str, kind: &str, schema: &str) -> Value {
    let schema = super::operation::reference(schema);
    json!({"description": description, "content": {kind: {"schema": schema}}})
}
