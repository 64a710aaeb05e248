//! `/users`, for administrators.

use serde_json::json;

use super::operation::{ADMIN, Operation, page_parameters};

fn administration(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(ADMIN, id, summary).needs_a_token().fails(&["forbidden"])
}

fn of_one(id: &'static str, summary: &'static str) -> Operation {
    administration(id, summary).fails(&["not_found"])
}

pub(super) fn users() -> Operation {
    let email = json!({
        "name": "email", "in": "query", "description": "Only the one with this address.",
        "schema": {"anyOf": [{"type": "string", "format": "email"}, {"const": ""}], "examples": ["ada@example.com"]},
    });
    page_parameters()
        .into_iter()
        .chain([email])
        .fold(administration("users", "List users"), Operation::parameter)
        .answers_with(200, "A page, in the order in which they came.", "UserPage")
        .fails(&["validation_failed"])
}

pub(super) fn user() -> Operation {
    of_one("user", "Show a user").answers_with(200, "The user.", "Account")
}

pub(super) fn change_user() -> Operation {
    of_one("change_user", "Change roles, or keep a user out")
        .describe(
            "Both or one of them, at once or not at all. A user who is kept out has no sessions any more.",
        )
        .takes("UserChange", &json!({"roles": ["user", "admin"], "disabled": false}))
        .answers_with(200, "The user as it is now.", "Account")
        .fails(&["validation_failed", "last_admin"])
}

pub(super) fn delete_user() -> Operation {
    of_one("delete_user", "Delete a user").answers(204, "With all that hung on it.").fails(&["last_admin"])
}

pub(super) fn end_sessions() -> Operation {
    of_one("end_sessions", "End all sessions of a user").answers(204, "They are over.")
}

pub(super) fn events() -> Operation {
    page_parameters()
        .into_iter()
        .fold(of_one("user_events", "What happened to an account"), Operation::parameter)
        .describe("Also to one that is gone, for as long as the audit keeps it.")
        .answers_with(200, "A page, the latest first.", "EventPage")
        .fails(&["validation_failed"])
}
