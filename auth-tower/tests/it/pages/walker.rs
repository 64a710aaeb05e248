//! Somebody with a browser that runs no script: goes to pages, fills in their forms, keeps cookies, and is sent on.

use std::collections::BTreeMap;

use auth_tower::AccountPages;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::ServiceExt as _;

use crate::oidc::UnderWay;
use crate::support::{Answer, Req, World, collect};

pub(crate) struct Walker {
    pages: AccountPages,
    pub(crate) jar: BTreeMap<String, String>,
    /// Where the last answer was from, below where the pages are mounted.
    pub(crate) path: String,
    pub(crate) answer: Answer,
    headers: Vec<(&'static str, String)>,
}

/// Where the pages are mounted.
const MOUNT: &str = "/account";

pub(crate) fn pages_of(world: &World) -> AccountPages {
    AccountPages::builder(&world.service()).name("Tea Shop").build().unwrap()
}

pub(crate) async fn ask(pages: &AccountPages, request: Req) -> Answer {
    ask_built(pages, request.build()).await
}

pub(crate) async fn ask_built(pages: &AccountPages, request: Request<Bytes>) -> Answer {
    let Ok(response) = pages.clone().oneshot(request.map(Full::new)).await;
    collect(response).await
}

impl Walker {
    pub(crate) fn new(world: &World) -> Self {
        Self::through(pages_of(world))
    }

    pub(crate) fn through(pages: AccountPages) -> Self {
        let answer =
            Answer { status: http::StatusCode::OK, headers: http::HeaderMap::new(), body: String::new() };
        Self { pages, jar: BTreeMap::new(), path: String::new(), answer, headers: Vec::new() }
    }

    /// The same browser, at the program of now.
    pub(crate) fn at(self, world: &World) -> Self {
        Self { pages: pages_of(world), ..self }
    }

    /// With a header in every request.
    pub(crate) fn saying(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// One request, and what it sets.
    pub(crate) async fn send(&mut self, request: Req) -> &Answer {
        let mut request = request;
        if !self.jar.is_empty() {
            let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.cookie(&pairs.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.answer = ask(&self.pages, request).await;
        self.keep(&self.answer.clone());
        &self.answer
    }

    /// The cookies of an answer, also of another service of the same host.
    pub(crate) fn keep(&mut self, answer: &Answer) {
        for set in answer.headers.get_all("set-cookie") {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// What the jar has of a sign-in that is under way at this address of a provider.
    pub(crate) fn under_way(&self, url: &str) -> UnderWay {
        let url = url::Url::parse(url).unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let (name, value) = self.jar.iter().find(|(name, _)| name.starts_with("__Host-auth_oauth-")).unwrap();
        UnderWay { state, cookie: format!("{name}={value}") }
    }

    /// By a link of this site; `path` is below where the pages are mounted.
    pub(crate) async fn go(&mut self, path: &str) -> &Answer {
        path.clone_into(&mut self.path);
        self.send(Req::get(path).header("sec-fetch-site", "same-origin")).await;
        self.follow().await
    }

    /// As far as it is sent on within the pages.
    async fn follow(&mut self) -> &Answer {
        for _ in 0..5 {
            let location = self.answer.header("location").map(str::to_owned);
            let Some(below) = location.as_deref().and_then(|location| location.strip_prefix(MOUNT)) else {
                break;
            };
            assert_eq!(self.answer.status, 303, "{:?}", self.answer);
            below.clone_into(&mut self.path);
            let request = Req::get(&path_of(below));
            self.send(request.header("sec-fetch-site", "same-origin")).await;
        }
        &self.answer
    }

    /// Sends the form whose `action` ends like this, with what its hidden fields have and these values.
    pub(crate) async fn submit(&mut self, action: &str, values: &[(&str, &str)]) -> &Answer {
        let body = self.filled(action, values);
        self.send(self.post(action, &body)).await;
        self.follow().await
    }

    #[expect(clippy::unused_self, reason = "it is somebody who sends it")]
    pub(crate) fn post(&self, action: &str, body: &str) -> Req {
        Req::post(&path_of(action)).header("sec-fetch-site", "same-origin").form(body.to_owned())
    }

    /// The body that a browser would send.
    pub(crate) fn filled(&self, action: &str, values: &[(&str, &str)]) -> String {
        let form = self.form(action);
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        for input in form.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let (name, kind) = (attribute(input, "name").unwrap(), attribute(input, "type").unwrap());
            if kind != "checkbox" {
                fields.insert(name, attribute(input, "value").unwrap_or_default());
            }
        }
        for select in form.split("<select").skip(1) {
            let name = attribute(select.split('>').next().unwrap(), "name").unwrap();
            let chosen = select.split("<option").find(|option| option.contains(" selected"));
            fields.insert(name, chosen.and_then(|option| attribute(option, "value")).unwrap_or_default());
        }
        for (name, value) in values {
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        body.finish()
    }

    /// An attribute of a form.
    pub(crate) fn data(&self, action: &str, name: &str) -> String {
        attribute(self.form(action).split('>').next().unwrap(), name).unwrap()
    }

    /// The first link of the page that begins like this, below where the pages are mounted.
    pub(crate) fn link(&self, begins: &str) -> String {
        let start = format!("href=\"{MOUNT}{begins}");
        let rest =
            self.answer.body.split_once(&start).unwrap_or_else(|| panic!("no {begins}: {:?}", self.answer)).1;
        format!("{begins}{}", unescaped(rest.split('"').next().unwrap()))
    }

    pub(crate) fn form(&self, action: &str) -> &str {
        let start = format!("action=\"{MOUNT}{action}\"");
        let rest = self
            .answer
            .body
            .split_once(&start)
            .unwrap_or_else(|| panic!("no form {action}: {:?}", self.answer))
            .1;
        rest.split_once("</form>").unwrap().0
    }

    #[track_caller]
    pub(crate) fn sees(&self, status: u16, text: &str) {
        assert_eq!(self.answer.status, status, "{:?}", self.answer);
        assert!(self.answer.body.contains(text), "no {text}: {}", self.answer.body);
    }

    /// The address that the page itself sends the browser to once more.
    pub(crate) fn again(&self) -> Option<String> {
        let content = self.answer.body.split_once("http-equiv=\"refresh\" content=\"0; url=")?.1;
        let address = unescaped(content.split('"').next().unwrap());
        Some(path_of(address.strip_prefix(MOUNT).unwrap()))
    }
}

/// What is left of an address, as a host passes it on that takes the prefix off.
fn path_of(below: &str) -> String {
    if below.starts_with('/') { below.to_owned() } else { format!("/{below}") }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split_once(&format!(" {name}=\""))?.1;
    Some(unescaped(rest.split('"').next()?))
}

pub(crate) fn unescaped(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
