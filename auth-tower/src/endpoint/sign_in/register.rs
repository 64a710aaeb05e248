use auth_core::{EmailVerification, Error, Register, Registration, User, refusal};
use http::{HeaderValue, StatusCode, header::LOCATION};
use serde_json::{Value, json};

use crate::{
    endpoint::{
        answer::{accepted, json},
        document::UserDocument,
        fields::{object as object_of, texts_of},
        profile,
    },
    openapi::{
        Operation, header,
        shape::{email, joined, new_password, object, reference},
    },
    problem::Problem,
    route::{Answered, Route, Takes},
    service::{Call, Inner},
};

pub(super) const ROUTE: Route =
    Route::post(|call| Box::pin(register(call)), describe).takes(Takes::Json).unless(registration_closed);

pub(crate) fn registration_closed(service: &Inner) -> Option<Error> {
    let is_closed = service.auth.config().registration == Registration::Closed;
    is_closed.then_some(Error::Refused(refusal::REGISTRATION_CLOSED))
}

/// `POST /register`. Where addresses are verified, an address that is taken gets the same answer as one that is free.
async fn register(call: Call) -> Answered {
    let service = call.service;
    let mut object = object_of(call.payload)?;
    let profile = profile::own_change(&service, &mut object);
    let (profile, [email, password]) = match (profile, texts_of(object, ["email", "password"])) {
        (Ok(profile), Ok(texts)) => (profile, texts),
        (Err(errors), Ok(_)) => return Err(Problem::validation(errors).into()),
        (_, Err(problem)) => return Err(problem.into()),
    };
    let register = Register::new(email, password).profile(profile).client(call.client);
    let SignedUp::Made(user) = sign_up(&service, register).await? else { return Ok(accepted()) };
    let mut response = json(StatusCode::CREATED, &UserDocument::of(&user));
    if let Ok(location) = HeaderValue::try_from(format!("{}/users/me", service.mounted_at)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// What a registration came to, as far as may be told.
pub(crate) enum SignedUp {
    /// There is an account.
    Made(Box<User>),
    /// Whoever reads the mail of the address knows.
    ByMail,
}

/// Makes an account, whoever shows the form.
pub(crate) async fn sign_up(service: &Inner, register: Register) -> Result<SignedUp, Error> {
    match service.auth.register(register).await {
        Ok(_) | Err(Error::Refused(refusal::EMAIL_TAKEN)) if service.verifies_email() => Ok(SignedUp::ByMail),
        registered => registered.map(|user| SignedUp::Made(Box::new(user))),
    }
}

fn describe(service: &Inner) -> Operation {
    let operation = Operation::new("register", "Make an account")
        .takes("Registration", &json!({"email": "ada@example.com", "password": "correct horse battery"}))
        .fails(&["validation_failed"])
        .asks_the_host(service)
        .hashes()
        .needs_the_database();
    if registration_closed(service).is_some() {
        return operation
            .describe("Registration is closed: accounts come from elsewhere.")
            .fails(&["forbidden"]);
    }
    if service.verifies_email() {
        return operation
            .describe("The same answer for an address that has an account: its owner is told by mail.")
            .answers(202, "A mail is on its way to the address.");
    }
    let names = service.auth.config().profile.usernames;
    let operation = if names { operation.fails(&["username_taken"]) } else { operation };
    operation.fails(&["email_taken"]).answer(
        201,
        json!({
            "description": "The account is made; nobody is signed in.",
            "headers": {"Location": header("Location")},
            "content": {"application/json": {"schema": reference("User")}},
        }),
    )
}

pub(super) fn schema(service: &Inner) -> (&'static str, Value) {
    let members = json!({"email": email(), "password": new_password(service)});
    let mut profile = profile::changed_members(service);
    // Where addresses are proved, a user name is chosen later.
    if let Some(profile) = profile.as_object_mut().filter(|_| service.verifies_email()) {
        profile.remove("username");
    }
    ("Registration", object(&["email", "password"], &joined(&members, &profile)))
}

impl Inner {
    pub(crate) fn verifies_email(&self) -> bool {
        self.auth.config().email_verification != EmailVerification::Off
    }
}
