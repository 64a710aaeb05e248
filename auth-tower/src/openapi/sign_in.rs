//! `POST /register`, `/login`, `/refresh-token`, `/logout`.

use serde_json::{Value, json};

use super::{
    Facts,
    operation::{Operation, SIGN_IN, header, reference},
};

pub(super) fn register(facts: &Facts) -> Operation {
    let operation = Operation::new(SIGN_IN, "register", "Make an account")
        .takes("Registration", &json!({"email": "ada@example.com", "password": "correct horse battery"}))
        .fails(&["validation_failed"])
        .hashes()
        .needs_the_database();
    if !facts.registration_open {
        return operation
            .describe("Registration is closed: accounts come from elsewhere.")
            .fails(&["forbidden"]);
    }
    if facts.verifies_email {
        return operation
            .describe("The same answer for an address that has an account: its owner is told by mail.")
            .answers(202, "A mail is on its way to the address.");
    }
    operation.fails(&["email_taken"]).answer(
        201,
        json!({
            "description": "The account is made; nobody is signed in.",
            "headers": {"Location": header("Location")},
            "content": {"application/json": {"schema": reference("User")}},
        }),
    )
}

pub(super) fn login() -> Operation {
    Operation::new(SIGN_IN, "login", "Sign in")
        .describe(
            "By the OAuth 2 password form (RFC 6749 section 4.3.2) or JSON. A live refresh cookie that comes along is of a session \
             that ends with this.",
        )
        .body(
            true,
            &json!({
                "application/x-www-form-urlencoded": {
                    "schema": reference("PasswordForm"),
                    "example": {
                        "grant_type": "password", "username": "ada@example.com", "password": "correct horse battery",
                    },
                },
                "application/json": {
                    "schema": reference("Credentials"),
                    "example": {"email": "ada@example.com", "password": "correct horse battery"},
                },
            }),
        )
        .answer(200, tokens())
        .fails(&["invalid_credentials"])
        .hashes()
        .needs_the_database()
}

pub(super) fn refresh_token() -> Operation {
    Operation::new(SIGN_IN, "refresh_token", "Get a new access token")
        .describe(
            "By the refresh cookie, which is replaced. Several requests with the same cookie at once all get the same new one. A \
             401 takes the cookie away when the session is over.",
        )
        .secured_by(json!([{"refresh_cookie": []}]))
        .reads_a_body()
        .answer(200, tokens())
        .fails(&["invalid_token", "throttled", "cross_origin"])
        .needs_the_database()
}

pub(super) fn logout() -> Operation {
    Operation::new(SIGN_IN, "logout", "Sign out")
        .describe(
            "Ends the session of the cookie and that of the bearer token. Without either it is 204 as well.",
        )
        .secured_by(json!([{}, {"refresh_cookie": []}, {"bearer": []}, {"password": []}]))
        .reads_a_body()
        .answer(
            204,
            json!({
                "description": "The session is over and the cookie is gone.",
                "headers": {"Set-Cookie": header("Set-Cookie")},
            }),
        )
        .needs_the_database()
}

fn tokens() -> Value {
    json!({
        "description": "The access token; the refresh token is in the cookie only.",
        "headers": {"Set-Cookie": header("Set-Cookie")},
        "content": {"application/json": {"schema": reference("Token")}},
    })
}
