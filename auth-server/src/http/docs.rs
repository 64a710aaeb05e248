//! `GET /docs`: the description of the service as a page to try it out. The page is Swagger UI from the binary itself; nothing of
//! it comes from, or goes to, another host.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY},
};
use serde_json::{Value, json};
use utoipa_swagger_ui::Config;

use super::answer::{self, AnswerBody};

const PAGE: &str = include_str!("docs/index.html");
const SCRIPT: &str = include_str!("docs/docs.js");
const STYLE: &str = include_str!("docs/docs.css");

/// Scripts and styles of this origin only, none in the page, and requests to this origin only; the images of Swagger UI are
/// in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// The answer, if this is the place for it.
pub(crate) fn answer(
    method: &Method,
    path: &str,
    hsts: Option<&HeaderValue>,
) -> Option<Response<AnswerBody>> {
    let (kind, body, gzipped) = match path {
        "/docs" => ("text/html; charset=utf-8", PAGE.into(), false),
        "/docs/docs.js" => ("text/javascript; charset=utf-8", SCRIPT.into(), false),
        "/docs/docs.css" => ("text/css; charset=utf-8", STYLE.into(), false),
        "/docs/swagger-ui.css" => asset("swagger-ui.css", "text/css; charset=utf-8")?,
        "/docs/swagger-ui-bundle.js" => asset("swagger-ui-bundle.js", "text/javascript; charset=utf-8")?,
        _ => return None,
    };
    if let Some(refusal) = answer::unless_read(method, hsts) {
        return Some(refusal);
    }
    let mut response = answer::document(method, kind, body, hsts);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if gzipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if path == "/docs" {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        let opener = HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(opener, HeaderValue::from_static("same-origin"));
    }
    Some(response)
}

/// A file of Swagger UI, compressed as it is in the binary: every browser that can run it understands that. It is not copied for
/// each request: whoever reads slowly holds nothing.
fn asset(name: &str, kind: &'static str) -> Option<(&'static str, Bytes, bool)> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::from(""))).ok().flatten()?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Some((kind, bytes, file.gzpipped))
}

/// The program's own doors, for `/openapi.json`.
pub(crate) fn doors() -> [(&'static str, Value); 2] {
    [
        ("/health/live", probe("is_live", "Whether the process runs", false)),
        ("/health/ready", probe("is_ready", "Whether it can work", true)),
    ]
}

/// An operation of `/health`.
fn probe(id: &str, summary: &str, may_be_unavailable: bool) -> Value {
    let answer = |description: &str, status: &str, more: Value| {
        let mut properties = json!({"status": {"type": "string", "const": status}});
        if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
            properties.extend(more);
        }
        let schema = json!({"type": "object", "required": ["status"], "properties": properties, "additionalProperties": false});
        json!({"description": description, "content": {"application/json": {"schema": schema}}})
    };
    let mut answers = json!({"200": answer("It does.", "ok", json!({}))});
    if let (true, Some(answers)) = (may_be_unavailable, answers.as_object_mut()) {
        let reason =
            json!({"reason": {"type": "string", "enum": ["database_unreachable", "migrations_pending"]}});
        answers.insert("503".to_owned(), answer("Not now.", "unavailable", reason));
    }
    json!({"get": {
        "operationId": id, "tags": ["Services"], "summary": summary, "security": [], "responses": answers,
    }})
}
