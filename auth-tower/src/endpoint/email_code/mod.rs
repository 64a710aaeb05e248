//! Signing in by a code that is sent by mail, or by the link beside it.

use auth_core::{
    Auth, EmailSignIn, OneTimeToken,
    email_code::{Confirm, EmailCodes, FlowToken, Start},
};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::{
    Doors,
    answer::accepted,
    fields::{object as object_of, optional_text, texts_of},
    signed_in,
};
use crate::{
    openapi::{
        Operation, Tag, header,
        shape::{email, object, reference, text, token},
    },
    page,
    problem::Problem,
    route::{Address, Answered, Endpoint, Route, Takes},
    service::{Call, Inner},
};

impl Endpoint {
    /// `POST /login/email`; where people can sign in by e-mail
    pub const LOGIN_EMAIL: Self = Self(&Address::new(
        "/login/email",
        &[Route::post(|call| Box::pin(start(call)), describe_start).takes(Takes::Json)],
    ));
    /// `POST /login/email/confirm`, and the built-in page by `GET`; where people can sign in by e-mail
    pub const LOGIN_EMAIL_CONFIRM: Self = Self(&Address {
        speaks_oauth: true,
        ..Address::new(
            "/login/email/confirm",
            &[
                Route::get(|call| page::answer(&call, "/link", include_str!("page.html")), describe_page),
                Route::post(|call| Box::pin(confirm(call)), describe_confirm).takes(Takes::Json),
            ],
        )
    });
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[Endpoint::LOGIN_EMAIL, Endpoint::LOGIN_EMAIL_CONFIRM],
    open: |auth: &Auth| auth.email_codes().is_some(),
    schemas: |_| schemas(),
    ..Doors::tagged(Tag {
        name: "E-mail codes",
        description: "Signing in by a code or a link in a mail, without a password.",
    })
};

/// Where to go after a sign-in, as it was asked for at the beginning.
const REDIRECT: HeaderName = HeaderName::from_static("x-auth-redirect");

/// Where it is on.
pub(crate) fn email_codes(service: &Inner) -> Result<EmailCodes, Problem> {
    service.auth.email_codes().ok_or_else(Problem::not_found)
}

/// `POST /login/email` `{"email", "redirect_to"}`: the same answer, with a cookie, for every address.
async fn start(call: Call) -> Answered {
    let mut object = object_of(call.payload)?;
    let redirect_to = optional_text(&mut object, "redirect_to")?;
    let [email] = texts_of(object, ["email"])?;
    let mut start = Start::new(email).client(call.client);
    if let Some(page) = redirect_to {
        start = start.redirect_to(page);
    }
    let flow = email_codes(&call.service)?.start(start).await?;
    let mut response = accepted();
    call.service.cookies.flow.set(response.headers_mut(), flow.token.expose(), flow.expires_in);
    Ok(response)
}

fn describe_start(service: &Inner) -> Operation {
    let signs_up = service.auth.config().email_codes.sign_in == EmailSignIn::SignUp;
    let told = if signs_up {
        "A code and a link are on their way to it."
    } else {
        "If it belongs to an account, a code and a link are on their way to it."
    };
    Operation::new("start_email_login", "Sign in by e-mail: ask for a code")
        .describe(
            "The same answer, after the same work, for every address. It sets a cookie: the code is good only together with it, in this \
             browser, for ten minutes; the link is good in any. One mail a minute goes to an address, and a later one waits for its minute.",
        )
        .takes("EmailLogin", &json!({"email": "ada@example.com"}))
        .answer(202, json!({"description": told, "headers": {"Set-Cookie": header("Set-Cookie")}}))
        .fails(&["validation_failed", "throttled"])
        .needs_the_database()
}

/// `POST /login/email/confirm` `{"email", "code"}` with the cookie, or `{"token"}`: answered as a login is.
async fn confirm(call: Call) -> Answered {
    let cookies = call.service.cookies;
    // No two sessions in one jar: the new one takes the place of the one that the jar holds.
    let replaced = cookies.refresh.read_one(call.headers()).map(Into::into);
    let flow = cookies.flow.read_one(call.headers()).map(FlowToken::new);
    let mut object = object_of(call.payload)?;
    let (confirm, by_code) = if let Some(token) = optional_text(&mut object, "token")? {
        (Confirm::link(OneTimeToken::new(token)), false)
    } else {
        let [email, code] = texts_of(object, ["email", "code"])?;
        (Confirm::code(email, code, flow), true)
    };
    let mut confirm = confirm.client(call.client);
    if let Some(token) = replaced {
        confirm = confirm.replacing(token);
    }
    let confirmed = email_codes(&call.service)?.confirm(confirm).await?;
    let mut response = signed_in::answer(&call.service, confirmed.sign_in, None)?;
    let place = confirmed.redirect_to.and_then(|place| HeaderValue::try_from(place).ok());
    if let Some(place) = place {
        response.headers_mut().insert(REDIRECT, place);
    }
    if by_code {
        cookies.flow.clear(response.headers_mut());
    }
    Ok(response)
}

fn describe_confirm(service: &Inner) -> Operation {
    Operation::new("confirm_email_login", "Sign in by e-mail: give the code, or the link's token")
        .describe(
            "With the address and the code in the browser that asked, or with `token` alone. Either works once, and proves the address. After \
             five wrong codes both are over. A live refresh cookie that comes along is of a session that ends with this.",
        )
        .takes("EmailLoginCode", &json!({"email": "ada@example.com", "code": "12345678"}))
        .answer(
            200,
            json!({
                "description": "The access token; the refresh token is in the cookie only.",
                "headers": {
                    "Set-Cookie": header("Set-Cookie"),
                    "X-Auth-Redirect": {
                        "description": "Where to go, if `redirect_to` was given at the beginning; also where a second factor is asked for.",
                        "schema": {"type": "string"},
                    },
                },
                "content": {"application/json": {"schema": reference("Token")}},
            }),
        )
        .fails(signed_in::CODES)
        .fails(&["invalid_code", "validation_failed", "throttled"])
        .asks_the_host(service)
        .needs_the_database()
}

fn describe_page(_: &Inner) -> Operation {
    page::describe("email_login_page", "The page of a link to sign in")
}

fn schemas() -> Vec<(&'static str, Value)> {
    let start = json!({"email": email(), "redirect_to": text()});
    // No choice between members that have to be there: generators of clients make nothing of one.
    let confirm = json!({"email": email(), "code": text(), "token": token()});
    vec![("EmailLogin", object(&["email"], &start)), ("EmailLoginCode", object(&[], &confirm))]
}
