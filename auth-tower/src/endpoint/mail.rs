//! The doors that links in mails lead to, and those that ask for one.

use auth_core::{ClientInfo, OneTimeToken};
use http::{Response, StatusCode};

use super::{UserDocument, accepted, fields::texts, json, no_content};
use crate::{
    Body,
    service::{Inner, Payload, Refusal},
};

/// `POST /request-verify-token`.
pub(crate) async fn request_verify_token(
    service: &Inner,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let [email] = texts(payload, ["email"])?;
    service.auth.request_email_verification(email, client).await?;
    Ok(accepted())
}

/// `POST /verify-email`: for the account's own address, and for a new one.
pub(crate) async fn verify_email(
    service: &Inner,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let [token] = texts(payload, ["token"])?;
    let user = service.auth.verify_email(OneTimeToken::new(token), client).await?;
    Ok(json(StatusCode::OK, &UserDocument::of(&user)))
}

/// `POST /forgot-password`.
pub(crate) async fn forgot_password(
    service: &Inner,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let [email] = texts(payload, ["email"])?;
    service.auth.forgot_password(email, client).await?;
    Ok(accepted())
}

/// `POST /reset-password`.
pub(crate) async fn reset_password(
    service: &Inner,
    payload: Payload,
    client: ClientInfo,
) -> Result<Response<Body>, Refusal> {
    let [token, password] = texts(payload, ["token", "password"])?;
    service.auth.reset_password(OneTimeToken::new(token), password, client).await?;
    Ok(no_content())
}
