//! One operation of the description: what it takes, what it answers, what can go wrong.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::problems;
use crate::Endpoint;

pub(super) const SIGN_IN: &str = "Sign in";
pub(super) const ACCOUNT: &str = "Own account";
pub(super) const MAIL: &str = "Mail";
pub(super) const SOCIAL: &str = "Social login";
pub(super) const ADMIN: &str = "Administration";
pub(super) const SERVICES: &str = "Services";

/// An operation object in the making.
pub(super) struct Operation {
    id: &'static str,
    tag: &'static str,
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
    pub(super) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: "",
            parameters: Vec::new(),
            body: None,
            answers: Map::new(),
            codes: BTreeSet::from(["internal"]),
            security: json!([]),
        }
    }

    pub(super) fn describe(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    pub(super) fn parameter(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        // One that is repeated, or no UTF-8.
        self.fails(&["malformed_request"])
    }

    /// A JSON body of a named schema.
    pub(super) fn takes(self, schema: &str, example: &Value) -> Self {
        self.body(true, &json!({"application/json": {"schema": reference(schema), "example": example}}))
    }

    pub(super) fn body(mut self, required: bool, content: &Value) -> Self {
        self.body = Some(json!({"required": required, "content": content}));
        self.reads_a_body()
    }

    /// A body is read even where there is no use for it, and held to the same rules.
    pub(super) fn reads_a_body(self) -> Self {
        self.fails(&["malformed_request", "timeout", "body_too_large", "unsupported_media_type"])
    }

    /// An answer without a body.
    pub(super) fn answers(self, status: u16, description: &str) -> Self {
        self.answer(status, json!({"description": description}))
    }

    /// An answer with a JSON body of a named schema.
    pub(super) fn answers_with(self, status: u16, description: &str, schema: &str) -> Self {
        let content = json!({"application/json": {"schema": reference(schema)}});
        self.answer(status, json!({"description": description, "content": content}))
    }

    pub(super) fn answer(mut self, status: u16, answer: Value) -> Self {
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// The codes of problem documents.
    pub(super) fn fails(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// Reads or writes the database.
    pub(super) fn needs_the_database(self) -> Self {
        self.fails(&["unavailable"])
    }

    /// Is guarded against guessing, and takes a slot for hashing.
    pub(super) fn hashes(self) -> Self {
        self.fails(&["throttled", "overloaded"])
    }

    /// Needs a bearer token.
    pub(super) fn needs_a_token(mut self) -> Self {
        self.security = json!([{"bearer": []}, {"password": []}]);
        self.fails(&["invalid_token"]).needs_the_database()
    }

    /// Works by the cookie, or by whatever else is listed.
    pub(super) fn secured_by(mut self, security: Value) -> Self {
        self.security = security;
        self
    }

    #[cfg(test)]
    pub(super) fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.codes.iter().copied()
    }

    pub(super) fn into_value(mut self, endpoint: Endpoint) -> Value {
        let mut operation = Map::new();
        let changes_something =
            self.body.is_some() || self.answers.keys().any(|status| status == "204" || status == "202");
        if changes_something && self.id != "verify" {
            self.codes.insert("cross_origin");
        }
        for (status, answer) in problems::answers(&self.codes, endpoint.speaks_oauth()) {
            self.answers.insert(status, answer);
        }
        for answer in self.answers.values_mut() {
            add_request_id(answer);
        }
        operation.insert("operationId".to_owned(), json!(self.id));
        operation.insert("tags".to_owned(), json!([self.tag]));
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

pub(super) fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn add_request_id(answer: &mut Value) {
    if let Some(answer) = answer.as_object_mut() {
        let headers = answer.entry("headers").or_insert_with(|| json!({}));
        if let Some(headers) = headers.as_object_mut() {
            headers.insert("X-Request-Id".to_owned(), header("X-Request-Id"));
        }
    }
}

pub(super) fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// Headers that stand at several answers.
pub(super) fn headers() -> Value {
    let text = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "X-Request-Id": {
            "description": "The client's own if it is sound, else a new one. It is in every line of the log.",
            "required": true,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        },
        "Set-Cookie": text("The refresh cookie and, at a login, the one that tells a known device; or their end."),
        "WWW-Authenticate": text("RFC 6750: names an error if a token was sent."),
        "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
        "Location": text("Where it is, or where to go."),
    })
}

/// The query parameters of a list in pages.
pub(super) fn page_parameters() -> [Value; 2] {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 20});
    let cursor = json!({"type": "string"});
    [
        json!({"name": "limit", "in": "query", "description": "The most that a page has.", "schema": limit}),
        json!({
            "name": "cursor", "in": "query", "description": "`next_cursor` of the page before.", "schema": cursor,
        }),
    ]
}
