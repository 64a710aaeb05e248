//! `/users/me` and what is below it.

use serde_json::json;

use super::operation::{ACCOUNT, Operation, header, page_parameters, reference};

fn own(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(ACCOUNT, id, summary).needs_a_token()
}

pub(super) fn me() -> Operation {
    own("me", "Who am I").answers_with(200, "The caller, as the database has them now.", "User")
}

pub(super) fn delete_me() -> Operation {
    own("delete_me", "Delete the account")
        .describe("With all that hangs on it. An account without a password needs a sign-in of the last five minutes instead.")
        .body(
            false,
            &json!({"application/json": {
                "schema": reference("PasswordAgain"), "example": {"password": "correct horse battery"},
            }}),
        )
        .answer(
            204,
            json!({"description": "It is gone.", "headers": {"Set-Cookie": header("Set-Cookie")}}),
        )
        .fails(&["validation_failed", "last_admin"])
        .hashes()
}

pub(super) fn change_password() -> Operation {
    let example = json!({"current_password": "correct horse battery", "new_password": "staple by staple"});
    own("change_password", "Choose a new password")
        .describe("All other sessions end.")
        .takes("PasswordChange", &example)
        .answers(204, "It is changed.")
        .fails(&["validation_failed"])
        .hashes()
}

pub(super) fn change_email() -> Operation {
    let example = json!({"email": "ada@example.net", "password": "correct horse battery"});
    own("change_email", "Change the address")
        .describe("Nothing changes until the link in the mail to the new address is followed.")
        .takes("EmailChange", &example)
        .answers(202, "A mail is on its way to the new address.")
        .fails(&["validation_failed"])
        .hashes()
}

pub(super) fn export() -> Operation {
    own("export", "All that is stored about me").answers_with(200, "Without secrets.", "Export")
}

pub(super) fn events() -> Operation {
    page_parameters()
        .into_iter()
        .fold(own("events", "What happened to my account"), Operation::parameter)
        .answers_with(200, "A page, the latest first.", "EventPage")
        .fails(&["validation_failed"])
}

pub(super) fn sessions() -> Operation {
    own("sessions", "My sessions").answers_with(
        200,
        "The live ones, the most recently used first.",
        "Sessions",
    )
}

pub(super) fn end_other_sessions() -> Operation {
    own("end_other_sessions", "End all other sessions").answers(204, "They are over.")
}

pub(super) fn end_session() -> Operation {
    own("end_session", "End a session").answers(204, "It is over.").fails(&["not_found"])
}
