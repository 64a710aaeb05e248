//! Second factors: the second step of a sign-in, and what an account has.

mod challenge;
mod device;
mod own;
mod reset;

use auth_core::{
    Auth,
    factor::{Factors, Method, TotpSetup},
};
use http::StatusCode;
use qrcode::{QrCode, render::svg};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Doors, answer, fields::invalid};
use crate::{
    Body,
    openapi::{
        Tag,
        shape::{closed, credential, list, object, perhaps, text, texts, time},
    },
    problem::Problem,
    route::{Address, Endpoint},
    service::Inner,
};

impl Endpoint {
    /// `POST /login/challenge`; unless second factors are off
    pub const LOGIN_CHALLENGE: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/login/challenge", &[challenge::ANSWER]) });
    /// `POST /login/challenge/enrol`; unless second factors are off
    pub const LOGIN_CHALLENGE_ENROL: Self =
        Self(&Address { speaks_oauth: true, ..Address::new("/login/challenge/enrol", &[challenge::ENROL]) });
    /// `GET /users/me/factors`
    pub const FACTORS: Self = Self(&Address::new("/users/me/factors", &[own::LIST]));
    /// `POST` and `DELETE /users/me/totp`; unless second factors are off
    pub const TOTP: Self = Self(&Address::new("/users/me/totp", &[own::BEGIN, own::REMOVE]));
    /// `POST /users/me/totp/confirm`; unless second factors are off
    pub const TOTP_CONFIRM: Self = Self(&Address::new("/users/me/totp/confirm", &[own::CONFIRM]));
    /// `POST /users/me/recovery-codes`; unless second factors are off
    pub const RECOVERY_CODES: Self = Self(&Address::new("/users/me/recovery-codes", &[own::RECOVERY_CODES]));
    /// `GET` and `DELETE /users/me/devices`; unless second factors are off
    pub const DEVICES: Self = Self(&Address::new("/users/me/devices", &[device::LIST, device::FORGET_ALL]));
    /// `DELETE /users/me/devices/{id}`; unless second factors are off
    pub const DEVICE: Self = Self(&Address::of_one("/users/me/devices/{id}", &[device::FORGET]));
    /// `DELETE /users/{id}/factors`, for administrators; unless second factors are off
    pub const USER_FACTORS: Self = Self(&Address::of_one("/users/{id}/factors", &[reset::ROUTE]));
}

pub(crate) const DOORS: Doors = Doors {
    endpoints: &[
        Endpoint::LOGIN_CHALLENGE,
        Endpoint::LOGIN_CHALLENGE_ENROL,
        Endpoint::TOTP,
        Endpoint::TOTP_CONFIRM,
        Endpoint::RECOVERY_CODES,
        Endpoint::DEVICES,
        Endpoint::DEVICE,
        Endpoint::USER_FACTORS,
    ],
    open: |auth: &Auth| auth.factors().is_some(),
    schemas: |_| schemas(),
    codes: &[
        (
            "factor_locked",
            403,
            "too many wrong codes were given: a passkey opens it, or an administrator; `methods` has what is left",
        ),
        ("totp_exists", 409, "a second factor was set up already"),
        ("factor_required", 409, "the account has to have a second factor"),
    ],
    ..Doors::tagged(TAG)
};

/// Tells also that second factors are off.
pub(crate) const LIST_DOORS: Doors = Doors {
    endpoints: &[Endpoint::FACTORS],
    schemas: |_| {
        let factors = closed(&json!({
            "second_factor": {"type": "string", "enum": ["off", "optional", "required"]},
            "totp": perhaps(&closed(&json!({"created_at": time()}))),
            "locked": {"type": "boolean", "description": "Too many wrong codes: a passkey opens it, or an administrator."},
            "recovery_codes_left": {"type": "integer", "minimum": 0},
            "passkeys": list("Passkey"),
            "devices": list("Device"),
        }));
        [("Factors", factors)].into_iter().chain(device::schemas()).collect()
    },
    ..Doors::tagged(TAG)
};

const TAG: Tag = Tag {
    name: "Second factor",
    description: "The second step of a sign-in, and setting a second factor up.",
};

impl Inner {
    fn factors(&self) -> Result<Factors, Problem> {
        self.auth.factors().ok_or_else(Problem::not_found)
    }
}

/// The method of a second factor.
pub(super) fn method(name: &str) -> Result<Method, Problem> {
    Method::named(name).ok_or_else(|| invalid("method", "unknown", "the method is one of `methods`"))
}

#[derive(Serialize)]
struct SetupDocument<'a> {
    secret: &'a str,
    uri: &'a str,
    qr: String,
}

/// What an app is given, with a picture of it.
fn setup(status: StatusCode, setup: &TotpSetup) -> Result<http::Response<Body>, Problem> {
    let uri = setup.uri.expose();
    let qr = picture(uri)?;
    Ok(answer::json(status, &SetupDocument { secret: setup.secret.expose(), uri, qr }))
}

/// A QR code, as the text of an SVG. An address is far shorter than what fits into one.
pub(crate) fn picture(uri: &str) -> Result<String, Problem> {
    let code = QrCode::new(uri).map_err(|_| Problem::internal())?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(200, 200).build())
}

fn schemas() -> Vec<(&'static str, Value)> {
    let method = json!({"type": "string", "enum": ["totp", "recovery_code", "passkey"]});
    let code =
        json!({"type": "string", "description": "Six digits, or a recovery code; spaces do not matter."});
    let session =
        json!({"type": "string", "description": "Of the answer to the first step; good for five minutes."});
    let token = json!({
        "access_token": text(),
        "token_type": {"type": "string", "const": "bearer"},
        "expires_in": {"type": "integer", "minimum": 1, "description": "Seconds."},
        "recovery_codes": texts(),
    });
    let mut with_codes = closed(&token);
    if let Some(required) = with_codes.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "recovery_codes");
    }
    vec![
        (
            "ChallengeAnswer",
            object(
                &["auth_session"],
                &json!({
                    "auth_session": session,
                    "method": method,
                    "code": code,
                    "credential": credential(),
                    "name": {"type": "string", "maxLength": 64, "description": "What a new passkey is called."},
                    "remember_device": {
                        "type": "boolean",
                        "description": "Asks for no second factor on this device for a while; its cookie comes with the answer.",
                    },
                }),
            ),
        ),
        (
            "Enrolment",
            object(
                &["auth_session", "method"],
                &json!({"auth_session": session, "method": {"type": "string", "enum": ["totp", "passkey"]}}),
            ),
        ),
        (
            "TotpSetup",
            closed(&json!({
                "secret": {"type": "string", "description": "In base32, for who types it."},
                "uri": {"type": "string", "description": "`otpauth://`, which the picture shows."},
                "qr": {"type": "string", "description": "The text of an SVG."},
            })),
        ),
        ("TotpConfirmation", object(&["code"], &json!({"code": code}))),
        ("TokenWithCodes", with_codes),
        ("RecoveryCodes", closed(&json!({"recovery_codes": texts()}))),
    ]
}
