use auth_tower::Endpoint;
use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::Answer;

/// The description that a service gives of itself, to which each of its answers is held.
pub(crate) struct Described(Value);

/// What was asked, as the description knows it.
pub(crate) struct Asked {
    path: &'static str,
    method: String,
}

impl Asked {
    /// `None` where there is nothing to describe: no endpoint, a method that it does not take, a question before a request of
    /// another origin.
    pub(crate) fn of(request: &Request<Bytes>) -> Option<Self> {
        let path = Endpoint::at(request.uri().path())?.path();
        let method = match request.method().as_str() {
            "OPTIONS" => return None,
            "HEAD" => "get".to_owned(),
            method => method.to_lowercase(),
        };
        Some(Self { path, method })
    }
}

impl Described {
    pub(crate) fn new(description: Value) -> Self {
        Self(description)
    }

    /// Status, media type and code are told beforehand.
    #[track_caller]
    pub(crate) fn check(&self, Asked { path, method }: &Asked, answer: &Answer) {
        let operation = &self.0["paths"][path][method];
        if operation.is_null() {
            // Not mounted, or not for this method, or not for this page whatever it asks.
            let codes = ["not_found", "method_not_allowed", "cross_origin"];
            assert!(
                answer.body.is_empty() || codes.contains(&&*answer.member("code")),
                "{method} {path}: {answer:?}"
            );
            return;
        }
        let described = &operation["responses"][answer.status.as_str()];
        assert!(described.is_object(), "{method} {path} says nothing of {answer:?}");
        if answer.body.is_empty() {
            return;
        }
        let kind = answer.header("content-type").unwrap();
        let kind = kind.split(';').next().unwrap();
        let content = &described["content"][kind];
        assert!(content.is_object(), "{method} {path} says nothing of {kind}: {answer:?}");
        if kind == "application/problem+json" {
            let code = &content["schema"]["allOf"][1]["properties"]["code"];
            // A host's own rules have codes that nobody else knows.
            let is_any = code["pattern"].is_string();
            assert!(
                is_any || code["enum"].as_array().unwrap().contains(&answer.json()["code"]),
                "{method} {path} says nothing of the code: {answer:?}"
            );
        }
    }
}
