//! One operation of the description: what it takes, what it answers, what can go wrong.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{problems, shape::reference};
use crate::{
    route::{Address, Caller, Route, Takes},
    service::Inner,
};

/// A heading under which operations stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
}

impl Tag {
    pub(crate) const SIGN_IN: Self = Self { name: "Sign in", description: "Signing up, in and out." };
    pub(crate) const ACCOUNT: Self =
        Self { name: "Own account", description: "What somebody does to their own account." };
    pub(crate) const MAIL: Self =
        Self { name: "Mail", description: "Links in mails: proving an address, choosing a new password." };
    pub(crate) const SERVICES: Self = Self { name: "Services", description: "For other services." };
}

/// An operation object in the making.
pub(crate) struct Operation {
    id: &'static str,
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
    codes: BTreeSet<&'static str>,
    security: Value,
}

impl Operation {
    /// One that needs nobody to be signed in. Whatever is asked can meet a bug of ours.
    pub(crate) fn new(id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            summary,
            description: "",
            parameters: Vec::new(),
            body: None,
            answers: Map::new(),
            codes: BTreeSet::from(["internal"]),
            security: json!([]),
        }
    }

    pub(crate) fn describe(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    pub(crate) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        // One that is repeated, or no UTF-8.
        self.fails(&["malformed_request"])
    }

    /// A JSON body of a named schema.
    pub(crate) fn takes(self, schema: &str, example: &Value) -> Self {
        self.body(true, &json!({"application/json": {"schema": reference(schema), "example": example}}))
    }

    pub(crate) fn body(mut self, required: bool, content: &Value) -> Self {
        self.body = Some(json!({"required": required, "content": content}));
        self
    }

    /// The password once more, where the account has one.
    pub(crate) fn takes_password_again(self) -> Self {
        let example = json!({"password": "correct horse battery"});
        let content = json!({"application/json": {"schema": reference("PasswordAgain"), "example": example}});
        self.body(false, &content)
    }

    /// An answer without a body.
    pub(crate) fn answers(self, status: u16, description: &str) -> Self {
        self.answer(status, json!({"description": description}))
    }

    /// An answer with a JSON body of a named schema.
    pub(crate) fn answers_with(self, status: u16, description: &str, schema: &str) -> Self {
        let content = json!({"application/json": {"schema": reference(schema)}});
        self.answer(status, json!({"description": description, "content": content}))
    }

    pub(crate) fn answer(mut self, status: u16, answer: Value) -> Self {
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// The codes of problem documents.
    pub(crate) fn fails(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Reads or writes the database.
    pub(crate) fn needs_the_database(self) -> Self {
        self.fails(&["unavailable"])
    }

    /// Is guarded against guessing, and takes a slot for hashing.
    pub(crate) fn hashes(self) -> Self {
        self.fails(&["throttled", "overloaded"])
    }

    /// The host itself may say no, with a code of its own.
    pub(crate) fn asks_the_host(self, service: &Inner) -> Self {
        if service.auth.has_hooks() { self.fails(&["denied", "unavailable"]) } else { self }
    }

    /// Asks for recent proof of who is signed in.
    pub(crate) fn wants_proof(self) -> Self {
        self.fails(&["insufficient_user_authentication"])
    }

    /// Works by the cookie, or by whatever else is listed.
    pub(crate) fn secured_by(mut self, security: Value) -> Self {
        self.security = security;
        self
    }

    #[cfg(test)]
    pub(crate) fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.codes.iter().copied()
    }

    /// What a room tells of a route, and what follows from the route itself.
    pub(crate) fn of(route: &Route, address: &Address, service: &Inner) -> Self {
        let mut operation = (route.described)(service);
        if route.takes != Takes::Nothing {
            operation = operation.fails(&[
                "malformed_request",
                "timeout",
                "body_too_large",
                "unsupported_media_type",
            ]);
        }
        if route.caller != Caller::Anybody {
            operation.security = json!([{"bearer": []}, {"password": []}]);
            // Where a machine is let in, too, unless they are switched off.
            operation = operation.fails(&["invalid_token", "session_required"]).needs_the_database();
        }
        if route.takes_machines {
            operation.security = json!([{"bearer": []}, {"password": []}, {"api_key": []}]);
            operation = operation.fails(&["throttled"]);
        }
        if route.caller == Caller::Administrator {
            operation = operation.fails(&["forbidden"]);
        }
        if route.wants_proof {
            operation = operation.wants_proof();
        }
        if route.method != "GET" {
            operation = operation.fails(&["cross_origin"]);
        }
        for (status, answer) in problems::answers(&operation.codes, address.speaks_oauth) {
            let page = operation.answers.get(&status).and_then(|told| told.pointer("/content/text~1html"));
            let answer = with_page(answer, page.cloned());
            operation.answers.insert(status, answer);
        }
        operation
    }

    pub(crate) fn into_value(mut self, tag: Tag) -> Value {
        let mut operation = Map::new();
        for answer in self.answers.values_mut() {
            add_request_id(answer);
        }
        operation.insert("operationId".to_owned(), json!(self.id));
        operation.insert("tags".to_owned(), json!([tag.name]));
        operation.insert("summary".to_owned(), json!(self.summary));
        if !self.description.is_empty() {
            operation.insert("description".to_owned(), json!(self.description));
        }
        if !self.parameters.is_empty() {
            operation.insert("parameters".to_owned(), Value::Array(self.parameters));
        }
        if let Some(body) = self.body {
            operation.insert("requestBody".to_owned(), body);
        }
        operation.insert("security".to_owned(), self.security);
        operation.insert("responses".to_owned(), Value::Object(self.answers));
        Value::Object(operation)
    }
}

/// A problem, where a page for who goes there has the same status.
fn with_page(mut answer: Value, page: Option<Value>) -> Value {
    if let (Some(page), Some(content)) = (page, answer.get_mut("content").and_then(Value::as_object_mut)) {
        content.insert("text/html".to_owned(), page);
    }
    answer
}

fn add_request_id(answer: &mut Value) {
    if let Some(answer) = answer.as_object_mut() {
        let headers = answer.entry("headers").or_insert_with(|| json!({}));
        if let Some(headers) = headers.as_object_mut() {
            headers.insert("X-Request-Id".to_owned(), header("X-Request-Id"));
        }
    }
}

pub(crate) fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// Headers that stand at several answers.
pub(crate) fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": {
            "description": "The client's own if it is sound, else a new one. It is in every line of the log.",
            "required": true,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        },
        "Set-Cookie": text("The refresh cookie and, at a login, the one that tells a known device; that of a sign-in by e-mail; or their end."),
        "WWW-Authenticate": text("RFC 6750: names an error if a token was sent."),
        "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
        "Location": text("Where it is, or where to go."),
    })
}

/// The query parameters of a list in pages.
pub(crate) fn page_parameters() -> [Value; 2] {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20});
    let cursor = json!({"type": "string"});
    [
        json!({"name": "limit", "in": "query", "description": "The most that a page has.", "schema": limit}),
        json!({
            "name": "cursor", "in": "query", "description": "`next_cursor` of the page before.", "schema": cursor,
        }),
    ]
}
