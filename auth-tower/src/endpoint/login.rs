use std::collections::BTreeMap;

use auth_core::{ClientInfo, Error, Login, SignIn};
use http::{HeaderMap, Response};

use super::tokens;
use crate::{
    Body,
    problem::Problem,
    service::{Inner, Json, Object, Payload, Refusal},
};

/// `POST /login`: the OAuth 2 password form (RFC 6749 section 4.3.2) or JSON.
pub(crate) async fn login(
    service: &Inner,
    headers: &HeaderMap,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let (identifier, password) = match payload {
        Payload::Form(form) => from_form(form)?,
        Payload::Json(Json::Object(object)) => from_json(object)?,
        Payload::Json(_) | Payload::Nothing => return Err(missing().into()),
    };
    let mut login = Login::new(identifier, password).client(client);
    // No two sessions in one jar: the new one takes the place of the one that the jar holds.
    if let Some(token) = service.cookies.refresh.read_one(headers) {
        login = login.replacing(token.into());
    }
    let SignIn::Granted(granted) = service.auth.login(login).await? else {
        // No rule asks for a second factor yet. Closed, should one ever do so while there is no door for it.
        return Err(
            Error::Internal("a second factor is needed, and there is no endpoint for it".into()).into()
        );
    };
    Ok(tokens(service.cookies, &granted))
}

fn missing() -> Problem {
    Problem::malformed("A user name and a password are needed, each once.")
}

fn from_form(mut form: BTreeMap<String, String>) -> Result<(String, String), Problem> {
    if form.get("grant_type").is_some_and(|grant| grant != "password") {
        return Err(Problem::unsupported_grant_type());
    }
    form.remove("username").zip(form.remove("password")).ok_or_else(missing)
}

fn from_json(mut object: Object) -> Result<(String, String), Problem> {
    match (object.remove("email"), object.remove("username"), object.remove("password")) {
        (Some(Json::Text(identifier)), None, Some(Json::Text(password)))
        | (None, Some(Json::Text(identifier)), Some(Json::Text(password))) => Ok((identifier, password)),
        _ => Err(missing()),
    }
}
