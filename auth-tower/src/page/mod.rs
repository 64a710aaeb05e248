//! Links in mails: the built-in pages that they lead to, and what the doors around them have in common. The token is in the
//! fragment, which no server sees and no mail scanner sends: getting a page changes nothing, its button does.

use std::future::ready;

use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
};
use serde_json::json;

use crate::{
    Body,
    endpoint::redirect,
    headers::random_id,
    openapi::{Operation, header},
    route::Answer,
    service::Call,
};

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const STYLE: &str = include_str!("style.css");
const BUTTON: &str = include_str!("button.html");

/// The page of a link, or the way to that of the pages for people where there are some: browsers keep the
/// fragment where a `Location` has none (RFC 9110 section 10.2.2). `below`: where it is there.
pub(crate) fn answer(call: &Call, below: &str, html: &str) -> Answer {
    let answered = match call.service.pages.get() {
        Some(pages) => redirect(&format!("{pages}{below}")).map_err(Into::into),
        None => Ok(page(html)),
    };
    Box::pin(ready(answered))
}

/// A page that only says something.
pub(crate) fn with_status(status: StatusCode, html: &str) -> Response<Body> {
    let mut response = page(html);
    *response.status_mut() = status;
    response
}

/// What a page with one button says: none of it holds a quote or markup.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) told: &'static str,
    pub(crate) button: &'static str,
    /// It is done.
    pub(crate) done: &'static str,
    /// The link is no good (422).
    pub(crate) refused: &'static str,
    /// Something stands against it (409).
    pub(crate) conflict: &'static str,
}

/// A page whose button hands the token in.
pub(crate) fn button(call: &Call, below: &str, words: &Words) -> Answer {
    let Words { title, told, button, done, refused, conflict } = words;
    let places = [
        ("{title}", title),
        ("{told}", told),
        ("{button}", button),
        ("{done}", done),
        ("{refused}", refused),
        ("{conflict}", conflict),
    ];
    let html = places.iter().fold(BUTTON.to_owned(), |page, (place, text)| page.replace(place, text));
    answer(call, below, &html)
}

/// Style and script are in the page itself and run by a nonce of this one answer (CSP level 3); they may speak to this
/// origin only.
fn page(html: &str) -> Response<Body> {
    let nonce = random_id();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = Response::new(Body::text(html.replace("{style}", STYLE).replace("{nonce}", &nonce)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // A page that has opened this one holds no handle to its window (ASVS 3.4.8).
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The page itself.
pub(crate) fn describe(id: &'static str, summary: &'static str) -> Operation {
    let page = json!({"description": "The built-in page.", "content": {"text/html": {"schema": {"type": "string"}}}});
    let elsewhere = json!({"description": "To the same among the pages for people.", "headers": {"Location": header("Location")}});
    Operation::new(id, summary)
        .describe("Changes nothing: its button does.")
        .answer(200, page)
        .answer(302, elsewhere)
}

/// What its button does.
pub(crate) fn describe_link(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary).fails(&["validation_failed", "throttled"]).needs_the_database()
}

/// Asking for a mail with a link.
pub(crate) fn describe_request(id: &'static str, summary: &'static str) -> Operation {
    describe_link(id, summary)
        .describe("The same answer, after the same work, for every address.")
        .takes("Address", &json!({"email": "ada@example.com"}))
        .answers(202, "If it belongs to an account, a mail is on its way.")
}
