use auth_core::{ClientInfo, EmailVerification, Error, Register, refusal};
use http::{HeaderValue, Response, StatusCode, header::LOCATION};

use super::{UserDocument, accepted, fields::texts, json};
use crate::{
    Body,
    service::{Inner, Payload, Refusal},
};

/// `POST /register`. Where addresses are verified, an address that is taken gets the same answer as one that is free.
pub(crate) async fn register(
    service: &Inner,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let [email, password] = texts(payload, ["email", "password"])?;
    let registered = service.auth.register(Register::new(email, password).client(client)).await;
    if service.auth.config().email_verification != EmailVerification::Off {
        return match registered {
            Ok(_) | Err(Error::Refused(refusal::EMAIL_TAKEN)) => Ok(accepted()),
            Err(error) => Err(error.into()),
        };
    }
    let user = registered?;
    let mut response = json(StatusCode::CREATED, &UserDocument::of(&user));
    if let Ok(location) = HeaderValue::try_from(format!("{}/users/me", service.mounted_at)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}
