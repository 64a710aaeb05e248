//! `/challenge`: the second step of a sign-in, whatever the first was. What names the sign-in is in a cookie: neither address nor page
//! has it.

use askama::Template;
use auth_core::{
    AuthSession, Challenge, Error,
    factor::{Answer, Factors, INVALID_CODE, Method, TOTP_EXISTS},
};

use super::{enrol, passkey::PasskeyForm};
use crate::{
    endpoint::{held, token_cookies},
    navigation,
    pages::{
        ask::{Answered, Ask, Refused, Stop},
        redirect::Target,
        sign_in,
        texts::fill,
        view::{Frame, Input, Kept},
    },
    problem::Problem,
};

pub(in crate::pages) const PATH: &str = "/challenge";
const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

#[derive(Template)]
#[template(path = "challenge.html", config = "src/pages/templates.toml")]
struct Page {
    frame: Frame,
    target: Kept,
    text: String,
    method: &'static str,
    /// Nothing where only a passkey is taken.
    code: Option<Input>,
    passkey: Option<PasskeyForm>,
    remember: Option<String>,
    /// Another method: its address, and what it is called.
    other: Option<(String, &'static str)>,
    sign_in: String,
}

/// Sends whoever has shown one factor on to the second.
pub(in crate::pages) fn begin(ask: &mut Ask, challenge: &Challenge, target: &Target) -> Answered {
    let left = challenge.expires_at.duration_since(ask.auth().clock().now()).unwrap_or_default();
    ask.pages.service.cookies.challenge.set(&mut ask.jar, challenge.auth_session.expose(), left);
    Ask::go(&target.kept_in(&ask.at(PATH)))
}

pub(in crate::pages) async fn show(ask: &mut Ask) -> Answered {
    navigation::only(ask.headers())?;
    if session(ask).is_none() {
        // As after a sign-in at a provider.
        ask.once_more(PATH)?;
    }
    let target = ask.target();
    let challenge = asked(ask).await?;
    if challenge.enrol {
        return enrol::page(ask, &challenge, &target, None, None);
    }
    let method = ask.query.get("method").cloned();
    page(ask, &challenge, &target, method.as_deref(), None)
}

/// The same rules as `POST /login/challenge`.
pub(in crate::pages) async fn send(ask: &mut Ask) -> Answered {
    let target = ask.target();
    let Some(session) = session(ask) else { return expired(ask) };
    match ask.form.get("begin").map(String::as_str) {
        Some("passkey") => return enrol::begin_passkey(ask, AuthSession::new(session), &target, None).await,
        Some(_) => return enrol::begin(ask, AuthSession::new(session), &target).await,
        None => {}
    }
    let method = Method::named(&ask.field("method")).unwrap_or(Method::Totp);
    let code = ask.field(if method == Method::Passkey { "credential" } else { "code" });
    if code.is_empty() {
        let refused = Ask::wrong("code", ask.texts().enter_code);
        return again(ask, method, &target, refused).await;
    }
    let mut answer = Answer::new(AuthSession::new(session), method, code).client(ask.client.clone());
    if let Some(token) = held(&ask.pages.service, ask.headers()) {
        answer = answer.holding(token);
    }
    if let Some(name) = ask.form.get("name") {
        answer = answer.name(name);
    }
    if ask.form.contains_key("remember") {
        answer = answer.remembering_device();
    }
    match factors(ask)?.answer(answer).await {
        Ok(answered) => {
            let cookies = ask.pages.service.cookies;
            token_cookies(&ask.pages.service, &answered.tokens, &mut ask.jar);
            cookies.challenge.clear(&mut ask.jar);
            let next = target.place(&ask.at("")).to_owned();
            if answered.recovery_codes.is_empty() {
                return Ask::go(&next);
            }
            enrol::codes(ask, answered.recovery_codes, next, &target)
        }
        Err(Error::SecondFactorRequired(challenge)) => begin(ask, &challenge, &target),
        Err(Error::Refused(INVALID_CODE)) if method == Method::Passkey => {
            let refused = Ask::wrong_form(ask.texts().passkey_refused);
            again(ask, method, &target, refused).await
        }
        Err(Error::InvalidToken | Error::InvalidCredentials | Error::Refused(TOTP_EXISTS)) => expired(ask),
        Err(error) => {
            let refused = ask.refused(error)?;
            again(ask, method, &target, refused).await
        }
    }
}

/// The cookie of the sign-in that is under way.
fn session(ask: &Ask) -> Option<String> {
    ask.pages.service.cookies.challenge.read_one(ask.headers()).map(str::to_owned)
}

pub(in crate::pages) fn factors(ask: &Ask) -> Result<Factors, Problem> {
    ask.auth().factors().ok_or_else(Problem::not_found)
}

/// What is asked for in it.
async fn asked(ask: &mut Ask) -> Result<Challenge, Stop> {
    let Some(session) = session(ask) else { return Err(Stop::with(expired(ask))) };
    match factors(ask)?.challenge(AuthSession::new(session), ask.client.clone()).await {
        Ok(challenge) => Ok(challenge),
        Err(Error::InvalidToken) => Err(Stop::with(expired(ask))),
        Err(error) => Err(error.into()),
    }
}

/// There is nothing to go on with: from the beginning.
pub(in crate::pages) fn expired(ask: &mut Ask) -> Answered {
    ask.pages.service.cookies.challenge.clear(&mut ask.jar);
    let page = format!("{}?told=expired", ask.at(sign_in::PATH));
    Ask::go(&ask.target().kept_in(&page))
}

async fn again(ask: &mut Ask, method: Method, target: &Target, refused: Refused) -> Answered {
    let challenge = asked(ask).await?;
    let page = if challenge.enrol && method == Method::Passkey {
        let session = challenge.auth_session;
        enrol::begin_passkey(ask, session, target, Some(&refused)).await
    } else if challenge.enrol {
        let setup = (ask.field("secret"), ask.field("uri"));
        enrol::page(ask, &challenge, target, Some(setup), Some(&refused))
    } else {
        page(ask, &challenge, target, Some(method.name()), Some(&refused))
    };
    refused.answer(page)
}

fn page(
    ask: &Ask,
    challenge: &Challenge,
    target: &Target,
    method: Option<&str>,
    refused: Option<&Refused>,
) -> Answered {
    let texts = ask.texts();
    let codes = [Method::Totp.name(), Method::RecoveryCode.name()];
    let mut possible = codes.into_iter().filter(|code| challenge.methods.contains(code));
    let first = possible.clone().next();
    let method = possible.clone().find(|code| Some(*code) == method).or(first);
    let other = possible.find(|code| Some(*code) != method);
    let mut frame = ask.frame(texts.challenge_title, PATH);
    frame.errors = refused.map(|refused| refused.errors.clone()).unwrap_or_default();
    let is_totp = method == Some(Method::Totp.name());
    let code = if is_totp { code(texts.code, &frame) } else { recovery_code(texts.recovery_code, &frame) };
    let days = ask.auth().config().factors.remember_device.as_secs() / SECONDS_OF_A_DAY;
    let options = challenge.passkey_options.as_ref();
    let page = Page {
        target: Kept::of(target),
        passkey: options.map(|options| PasskeyForm::show(ask, PATH, target, options, method.is_none())),
        text: if is_totp {
            fill(texts.challenge_totp, &[("service", &ask.pages.name)])
        } else {
            texts.challenge_recovery.to_owned()
        },
        method: method.unwrap_or_default(),
        code: method.is_some().then_some(code),
        remember: (days > 0).then(|| fill(texts.remember_device, &[("days", &days.to_string())])),
        other: other.map(|other| {
            let address = format!("{}?method={other}", ask.at(PATH));
            let called = if is_totp { texts.use_recovery_code } else { texts.use_app };
            (target.kept_in(&address).into_owned(), called)
        }),
        sign_in: target.kept_in(&ask.at(sign_in::PATH)).into_owned(),
        frame,
    };
    Ask::page(&page, target)
}

/// Of an app.
pub(in crate::pages) fn code(label: &'static str, frame: &Frame) -> Input {
    Input::text("code", label, "one-time-code").inputmode("numeric").first(frame).of(frame)
}

fn recovery_code(label: &'static str, frame: &Frame) -> Input {
    Input::text("code", label, "one-time-code").first(frame).of(frame)
}
