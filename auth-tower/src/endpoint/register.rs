use auth_core::{ClientInfo, FieldError, Register};
use http::{HeaderValue, Response, StatusCode, header::LOCATION};

use super::{UserDocument, json};
use crate::{
    Body,
    problem::Problem,
    service::{Inner, Json, Object, Payload, Refusal},
};

/// `POST /register`. Members other than these two are ignored, never applied (ASVS 15.3.3).
pub(crate) async fn register(
    service: &Inner,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let mut object = match payload {
        Payload::Json(Json::Object(object)) => object,
        Payload::Json(_) => {
            let error = FieldError::new("body", "not_an_object", "the body must be a JSON object");
            return Err(Problem::validation(vec![error]).into());
        }
        Payload::Nothing | Payload::Form(_) => {
            return Err(Problem::malformed("A JSON body is needed.").into());
        }
    };
    let (email, password) = match (text(&mut object, "email"), text(&mut object, "password")) {
        (Ok(email), Ok(password)) => (email, password),
        (email, password) => {
            let errors = [email.err(), password.err()].into_iter().flatten().collect();
            return Err(Problem::validation(errors).into());
        }
    };
    let user = service.auth.register(Register::new(email, password).client(client)).await?;
    let mut response = json(StatusCode::CREATED, &UserDocument::of(&user));
    if let Ok(location) = HeaderValue::try_from(format!("{}/users/me", service.mounted_at)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn text(object: &mut Object, field: &'static str) -> Result<String, FieldError> {
    match object.remove(field) {
        Some(Json::Text(text)) => Ok(text),
        Some(_) => Err(FieldError::new(field, "wrong_type", format!("the {field} must be a text"))),
        None => Err(FieldError::new(field, "required", format!("the {field} is missing"))),
    }
}
