//! One request for a page, and the answers that pages give.

use std::{collections::BTreeMap, str::FromStr, sync::Arc, time::Duration};

use askama::Template;
use auth_core::{Auth, ClientInfo, Error, Password, Principal};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER},
    request::Parts,
};

use super::{
    Inner,
    language::Language,
    redirect::{REDIRECT_TO, Target},
    texts::{Texts, fill},
    view::{Failed, Frame, Input, Wrong, home},
    words::{self, Setting},
};
use crate::{
    Body, Endpoint,
    endpoint::registration_closed,
    problem::{Problem, whole_seconds},
    service::Refusal,
};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// A request that has come through the door.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) pages: Arc<Inner>,
    parts: Parts,
    pub(super) query: BTreeMap<String, String>,
    /// What a form has sent; a field that was left empty is not there.
    pub(super) form: BTreeMap<String, String>,
    pub(super) client: ClientInfo,
    id: HeaderValue,
    pub(super) language: &'static Language,
    /// Whether the pages for administrators are there for whoever is signed in.
    pub(super) administers: bool,
    /// What goes into the jar with whatever the answer is.
    pub(super) jar: HeaderMap,
}

pub(super) type Answered = Result<Response<Body>, Stop>;

/// Why a request goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is answered already.
    Answer(Box<Response<Body>>),
    Problem(Problem),
    /// Told by the rules.
    Rule(Error),
}

impl Stop {
    /// With an answer, such as the way to another page.
    pub(super) fn with(answered: Answered) -> Self {
        match answered {
            Ok(response) => Self::Answer(Box::new(response)),
            Err(stop) => stop,
        }
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Problem(problem) => Self::Problem(problem),
            Refusal::Rule(error) => Self::Rule(error),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Rule(error)
    }
}

/// A form that comes back with what is wrong with it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) errors: Vec<Wrong>,
    status: StatusCode,
    retry_after: Option<HeaderValue>,
}

impl Ask {
    pub(super) fn new(pages: Arc<Inner>, parts: Parts, client: ClientInfo, id: HeaderValue) -> Self {
        let language = pages.languages.wanted(&parts.headers, pages.service.cookies);
        let (query, form, jar) = (BTreeMap::new(), BTreeMap::new(), HeaderMap::new());
        Self { pages, parts, query, form, client, id, language, administers: false, jar }
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.pages.service.auth
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub(super) fn method(&self) -> &Method {
        &self.parts.method
    }

    pub(super) fn raw_query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    pub(super) fn texts(&self) -> &'static Texts {
        self.language.texts
    }

    /// The id that stands in the path.
    pub(super) fn id<T: FromStr>(&self) -> Result<T, Problem> {
        self.parts
            .uri
            .path()
            .split('/')
            .find_map(|segment| segment.parse().ok())
            .ok_or_else(Problem::not_found)
    }

    /// What was typed into a field.
    pub(super) fn field(&self, name: &str) -> String {
        self.form.get(name).cloned().unwrap_or_default()
    }

    /// Where this visit is to end, by the form or by the address.
    pub(super) fn target(&self) -> Target {
        let wanted = self.form.get(REDIRECT_TO).or_else(|| self.query.get(REDIRECT_TO));
        Target::of(wanted.map(String::as_str), &self.pages.service.origins)
    }

    /// The address of a page of ours.
    pub(super) fn at(&self, path: &str) -> String {
        if path.is_empty() { home(&self.pages.base).to_owned() } else { format!("{}{path}", self.pages.base) }
    }

    /// What is around the page at `path`.
    pub(super) fn frame(&self, title: &'static str, path: &str) -> Frame {
        Frame {
            language: self.language,
            languages: self.pages.languages,
            files: Arc::clone(&self.pages.files),
            service: Arc::clone(&self.pages.name),
            base: Arc::clone(&self.pages.base),
            title,
            here: self.target().kept_in(&self.at(path)).into_owned(),
            signed_in: false,
            administers: self.administers,
            told: None,
            errors: Vec::new(),
        }
    }

    /// Sends the browser on by a GET.
    pub(super) fn go(to: &str) -> Answered {
        let location = HeaderValue::try_from(to).map_err(|_| Problem::internal())?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }

    /// A page. `target`: where its form may end, which a browser asks of the policy when it is sent on.
    pub(super) fn page(page: &impl Template, target: &Target) -> Answered {
        let text = page.render().map_err(|error| Error::Internal(Box::new(error)))?;
        let to = target.origin.as_deref().unwrap_or_default();
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self' {to}; frame-ancestors 'none'; base-uri 'none'"
        );
        let mut response = Response::new(Body::text(text));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
        // Not `no-referrer`, by which browsers send forms with `Origin: null` (Fetch Standard), which is nobody.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers
            .insert(CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).map_err(|_| Problem::internal())?);
        Ok(response)
    }

    /// What of an error can be said beside the form that was sent; the rest is an answer of its own.
    pub(super) fn refused(&self, error: Error) -> Result<Refused, Stop> {
        let problem = Problem::of_rule(error, Some(&self.id));
        let config = self.auth().config();
        let setting = Setting {
            min_password_length: config.passwords.min_length,
            has_usernames: config.profile.usernames,
        };
        let Some(errors) = words::of(&problem, self.texts(), &setting) else { return Err(problem.into()) };
        let retry_after = problem.retry_after().map(retry_after);
        Ok(Refused { errors, status: of_form(problem.status()), retry_after })
    }

    /// What is wrong with a field.
    pub(super) fn wrong(field: &'static str, text: &'static str) -> Refused {
        let errors = vec![Wrong { field: Some(field), text: text.to_owned() }];
        Refused { errors, status: StatusCode::UNPROCESSABLE_ENTITY, retry_after: None }
    }

    /// What is wrong with no field in particular.
    pub(super) fn wrong_form(text: &'static str) -> Refused {
        let errors = vec![Wrong { field: None, text: text.to_owned() }];
        Refused { errors, status: StatusCode::UNPROCESSABLE_ENTITY, retry_after: None }
    }

    /// The answer to whatever went wrong.
    pub(super) fn stopped(&self, stop: Stop) -> Response<Body> {
        let problem = match stop {
            Stop::Answer(response) => return *response,
            Stop::Problem(problem) => problem,
            Stop::Rule(error) => Problem::of_rule(error, Some(&self.id)),
        };
        let texts = self.texts();
        let id = self.id.to_str().unwrap_or_default();
        let (title, text) = match problem.code() {
            "not_found" => (texts.not_found_title, texts.not_found_text.to_owned()),
            "cross_origin" => (texts.cross_origin_title, texts.cross_origin_text.to_owned()),
            "forbidden" => (texts.failed_title, texts.not_allowed.to_owned()),
            "overloaded" | "unavailable" => (texts.failed_title, texts.busy.to_owned()),
            _ => (texts.failed_title, fill(texts.failed_text, &[("id", id)])),
        };
        let page = Failed { frame: self.frame(title, ""), text };
        let mut response =
            Self::page(&page, &Target::default()).unwrap_or_else(|_| Problem::internal().into_response());
        *response.status_mut() = of_form(problem.status());
        if let Some(wait) = problem.retry_after().map(retry_after) {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        response
    }

    /// The password where it is asked for again; it may be left out by who has shown a second factor.
    pub(super) fn password_again(&self) -> Option<Password> {
        self.form.get("password").map(|password| password.as_str().into())
    }

    /// Its field, for who has to show it.
    pub(super) async fn password_field(
        &self,
        caller: &Principal,
        frame: &Frame,
    ) -> Result<Option<Input>, Stop> {
        let has_second = match self.auth().factors() {
            Some(factors) => {
                let list = factors.list(caller).await?;
                list.totp.is_some() || !list.passkeys.is_empty()
            }
            None => false,
        };
        let is_asked = !has_second && self.auth().has_password(caller).await?;
        Ok(is_asked.then(|| Input::password(self.texts(), "current-password").of(frame)))
    }

    /// Whether there is a mail to choose a new password by.
    pub(super) fn may_forget(&self) -> bool {
        self.pages.service.mounted.contains(&Endpoint::FORGOT_PASSWORD)
    }

    /// Whether people sign in by a code in a mail.
    pub(super) fn sends_codes(&self) -> bool {
        self.pages.service.mounted.contains(&Endpoint::LOGIN_EMAIL)
    }

    /// Where the endpoints of passkeys are, if people sign in with them.
    pub(super) fn passkey_doors(&self) -> Option<String> {
        let service = &self.pages.service;
        service.mounted.contains(&Endpoint::PASSKEY_LOGIN).then(|| format!("{}/passkeys", service.mounted_at))
    }

    /// Whether people make accounts themselves: not where the host has taken the door of that away.
    pub(super) fn may_sign_up(&self) -> bool {
        let service = &self.pages.service;
        registration_closed(service).is_none() && service.mounted.contains(&Endpoint::REGISTER)
    }
}

impl Refused {
    /// The page of the form, with the status of what is wrong.
    pub(super) fn answer(self, page: Answered) -> Answered {
        let mut response = page?;
        *response.status_mut() = self.status;
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, wait);
        }
        Ok(response)
    }
}

fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from(whole_seconds(wait))
}

/// A 401 has to name a scheme of authentication (RFC 9110 section 15.5.2), and a form is none.
fn of_form(status: StatusCode) -> StatusCode {
    if status == StatusCode::UNAUTHORIZED { StatusCode::UNPROCESSABLE_ENTITY } else { status }
}
