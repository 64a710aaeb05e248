//! The second step of a sign-in, whatever the first was.

use auth_core::{
    AuthSession, ClientInfo, Error,
    factor::{Answer, FACTOR_LOCKED, Method},
};
use http::StatusCode;
use serde_json::json;

use super::{method, setup};
use crate::endpoint::passkey::options;
use crate::{
    endpoint::{
        answer::tokens_with_codes,
        fields::{credential, invalid, object, optional_bool, optional_text, texts, texts_of},
        signed_in,
    },
    openapi::{Operation, header, shape::reference},
    problem::Problem,
    route::{Answered, Route, Takes},
    service::{Call, Inner, Json},
};

pub(super) const ANSWER: Route =
    Route::post(|call| Box::pin(answer(call)), describe_answer).takes(Takes::Json);
pub(super) const ENROL: Route = Route::post(|call| Box::pin(enrol(call)), describe_enrol).takes(Takes::Json);

/// `POST /login/challenge` `{"auth_session", "method", "code" or "credential", "remember_device"}`: answered as a login is. With
/// `auth_session` alone it is told once more what is asked for.
async fn answer(call: Call) -> Answered {
    let cookies = call.service.cookies;
    let held = cookies.refresh.read_one(call.headers()).map(str::to_owned);
    let (mut object, factors) = (object(call.payload)?, call.service.factors()?);
    if let Some(Json::Text(session)) = object.get("auth_session")
        && ["method", "code", "credential"].iter().all(|name| !object.contains_key(*name))
    {
        return ask_again(&call.service, session, call.client).await;
    }
    let remembers = optional_bool(&mut object, "remember_device");
    let (passkey, called) = if object.get("method") == Some(&Json::Text("passkey".to_owned())) {
        (Some(credential(&mut object)?), optional_text(&mut object, "name")?)
    } else {
        (None, None)
    };
    let ([auth_session, name], shown) = if let Some(credential) = passkey {
        (texts_of(object, ["auth_session", "method"])?, credential)
    } else {
        let [auth_session, name, code] = texts_of(object, ["auth_session", "method", "code"])?;
        ([auth_session, name], code)
    };
    let remembers = remembers.map_err(|error| Problem::validation(vec![error]))?;
    let (session, client) = (AuthSession::new(&auth_session), call.client.clone());
    let mut answer = Answer::new(auth_session, method(&name)?, shown).client(call.client);
    if let Some(called) = called {
        answer = answer.name(called);
    }
    if let Some(token) = held {
        answer = answer.holding(token.into());
    }
    if remembers == Some(true) {
        answer = answer.remembering_device();
    }
    match factors.answer(answer).await {
        Ok(answered) => Ok(tokens_with_codes(&call.service, &answered.tokens, &answered.recovery_codes)),
        Err(Error::SecondFactorRequired(challenge)) => Ok(signed_in::document(&call.service, &challenge)),
        Err(error @ Error::Refused(FACTOR_LOCKED)) => {
            let problem = Problem::from(error);
            // No code is taken any more, and a passkey is.
            let Ok(mut left) = factors.challenge(session, client).await else { return Err(problem.into()) };
            left.methods.retain(|method| *method == Method::Passkey.name());
            Err(problem.asks(&left, Some(call.service.auth.clock().now())).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask_again(service: &Inner, session: &str, client: ClientInfo) -> Answered {
    let challenge = service.factors()?.challenge(AuthSession::new(session), client).await?;
    Ok(signed_in::document(service, &challenge))
}

fn describe_answer(service: &Inner) -> Operation {
    let example = json!({"auth_session": "from the first step", "method": "totp", "code": "123456"});
    Operation::new("answer_challenge", "Sign in: the second step")
        .describe(
            "With `auth_session` of the first step, whichever that was; with that alone it is told once more what is asked for, as a page \
             needs it to which a provider sent somebody. After a wrong code it stays good; from the fifth on there is a \
             wait. A challenge that came of a refresh needs the refresh cookie, too. Where a factor was just set up the answer has \
             its recovery codes: show them once. With `remember_device` the device is not asked for a while.",
        )
        .takes("ChallengeAnswer", &example)
        .answer(
            200,
            json!({
                "description": "The access token; the refresh token is in the cookie only.",
                "headers": {"Set-Cookie": header("Set-Cookie")},
                "content": {"application/json": {"schema": reference("TokenWithCodes")}},
            }),
        )
        .fails(signed_in::CODES)
        .fails(&[
            "invalid_code", "invalid_token", "invalid_credentials", "factor_locked", "totp_exists", "validation_failed",
        ])
        .asks_the_host(service)
        .hashes()
        .needs_the_database()
}

/// `POST /login/challenge/enrol` `{"auth_session", "method"}`: where a factor has to be set up first.
async fn enrol(call: Call) -> Answered {
    let [auth_session, name] = texts(call.payload, ["auth_session", "method"])?;
    if name == "passkey" && call.service.auth.passkeys().is_some() {
        let session = AuthSession::new(auth_session);
        return options(&call.service.factors()?.enrol_passkey(session, call.client).await?);
    }
    if name != "totp" {
        return Err(invalid("method", "unknown", "the method is one of `methods`").into());
    }
    let begun = call.service.factors()?.enrol(AuthSession::new(auth_session), call.client).await?;
    Ok(setup(StatusCode::OK, &begun)?)
}

fn describe_enrol(_: &Inner) -> Operation {
    let example = json!({"auth_session": "from the first step", "method": "totp"});
    Operation::new("enrol", "Sign in: set a second factor up")
        .describe(
            "After `second_factor_enrolment_required`. The first code of the app, or what the browser makes of `options`, then goes to \
             `/login/challenge`.",
        )
        .takes("Enrolment", &example)
        .answer(
            200,
            json!({
                "description": "What an authenticator app is given, or a browser to make a passkey.",
                "content": {"application/json": {"schema": {
                    "anyOf": [reference("TotpSetup"), reference("PasskeyOptions")],
                }}},
            }),
        )
        .fails(&["invalid_token", "verification_needed", "totp_exists", "validation_failed", "throttled"])
        .needs_the_database()
}
