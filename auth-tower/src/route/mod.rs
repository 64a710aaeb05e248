//! Which address is which endpoint, and what can be asked there: data, which each room keeps beside its handlers.

mod table;

use std::{fmt, pin::Pin, sync::LazyLock};

use auth_core::Error;
use http::{Method, Response};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use self::table::{Found, Table};
use crate::{
    Body, endpoint,
    openapi::{Operation, shape},
    service::{Call, Inner, Refusal},
};

/// An endpoint of [`AuthService`](crate::AuthService): an address, with whatever can be asked there.
///
#[doc = include_str!("endpoints.md")]
#[derive(Clone, Copy)]
pub struct Endpoint(pub(crate) &'static Address);

impl Endpoint {
    /// The path, with names in braces where something stands that differs: an id is a UUID, the name of a provider anything
    /// without a slash. For a metric or a span this is the name to use: it holds no id and is one of few.
    pub const fn path(self) -> &'static str {
        self.0.path
    }

    /// The endpoint at a path, whether it is mounted or not. Paths are compared to the letter: `/login/` is another address.
    pub fn at(path: &str) -> Option<Self> {
        static ALL: LazyLock<Table> = LazyLock::new(|| Table::of(endpoint::all()));
        Some(Self(ALL.find(path)?.address))
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.path() == other.path()
    }
}

impl Eq for Endpoint {}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.path()).finish()
    }
}

/// What is at an address.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) path: &'static str,
    /// What stands in the place of the braces in the path.
    pub(crate) parameter: Option<Parameter>,
    pub(crate) routes: &'static [Route],
    /// Whether OAuth 2 clients use this door, so that errors carry the members of RFC 6749.
    pub(crate) speaks_oauth: bool,
    /// Whether proxies ask here about requests of others, and let through what is answered with success: so no preflight request
    /// is, which comes without a token.
    pub(crate) for_proxies: bool,
}

impl Address {
    pub(crate) const fn new(path: &'static str, routes: &'static [Route]) -> Self {
        Self { path, parameter: None, routes, speaks_oauth: false, for_proxies: false }
    }

    /// With an id in the path, the only thing in braces there.
    pub(crate) const fn of_one(path: &'static str, routes: &'static [Route]) -> Self {
        Self { parameter: Some(Parameter::ID), ..Self::new(path, routes) }
    }

    /// What is asked by a method; a `HEAD` is a `GET` whose body is left out.
    pub(crate) fn route(&self, method: &Method) -> Option<&'static Route> {
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.routes.iter().find(|route| route.method == method)
    }

    pub(crate) fn is_for_administrators(&self) -> bool {
        self.routes.iter().any(|route| route.caller == Caller::Administrator)
    }

    /// The methods, as for the header `Allow`.
    pub(crate) fn allow(&self) -> String {
        let mut allow = String::new();
        for route in self.routes {
            allow.push_str(if allow.is_empty() { "" } else { ", " });
            allow.push_str(if route.method == "GET" { "GET, HEAD" } else { route.method });
        }
        allow
    }
}

/// What differs in a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    /// As it stands in the path, with its braces.
    pub(crate) name: &'static str,
    /// Whether a segment can be one; another is another address.
    pub(crate) fits: fn(&str) -> bool,
    /// For the description.
    pub(crate) schema: fn(&Inner) -> Value,
}

impl Parameter {
    const ID: Self =
        Self { name: "{id}", fits: |segment| segment.parse::<Uuid>().is_ok(), schema: |_| shape::id() };
}

/// What can be asked at an address by one method, who may, and who answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) takes: Takes,
    pub(crate) caller: Caller,
    /// Whether a machine is let in, too: by a key, or by the token of a service account.
    pub(crate) takes_machines: bool,
    /// Whether the caller has to have shown lately who they are, by the most that their account has. A machine cannot: it is let in
    /// by the proof that its key was made on.
    pub(crate) wants_proof: bool,
    /// Why nobody is let in as this service is set up, if so: told before a body is read.
    pub(crate) closed: fn(&Inner) -> Option<Error>,
    pub(crate) answer: fn(Call) -> Answer,
    pub(crate) described: fn(&Inner) -> Operation,
}

pub(crate) type Answer = Pin<Box<dyn Future<Output = Answered> + Send>>;
pub(crate) type Answered = Result<Response<Body>, Refusal>;

/// What a body may be; one that is of no use is held to the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It is not looked at.
    Nothing,
    Json,
    JsonOrForm,
}

/// Who is let in; the handler knows them by [`Call::caller`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Anybody,
    /// Whoever has a good access token. Whether the session still lives the rule asks that is called.
    Bearer,
    /// Whoever has an access token that is good as far as this process knows: no rule is called.
    Bounded,
    /// Who has the role at this moment, whatever the token says; a machine also the scope. Nobody else gets any further: no body
    /// is looked at.
    Administrator,
}

impl Route {
    const fn new(
        method: &'static str,
        answer: fn(Call) -> Answer,
        described: fn(&Inner) -> Operation,
    ) -> Self {
        Self {
            method,
            takes: Takes::Nothing,
            caller: Caller::Anybody,
            takes_machines: false,
            wants_proof: false,
            closed: |_| None,
            answer,
            described,
        }
    }

    pub(crate) const fn get(answer: fn(Call) -> Answer, described: fn(&Inner) -> Operation) -> Self {
        Self::new("GET", answer, described)
    }

    pub(crate) const fn post(answer: fn(Call) -> Answer, described: fn(&Inner) -> Operation) -> Self {
        Self::new("POST", answer, described)
    }

    pub(crate) const fn patch(answer: fn(Call) -> Answer, described: fn(&Inner) -> Operation) -> Self {
        Self::new("PATCH", answer, described)
    }

    pub(crate) const fn delete(answer: fn(Call) -> Answer, described: fn(&Inner) -> Operation) -> Self {
        Self::new("DELETE", answer, described)
    }

    pub(crate) const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    pub(crate) const fn unless(self, closed: fn(&Inner) -> Option<Error>) -> Self {
        Self { closed, ..self }
    }

    pub(crate) const fn on_proof(self) -> Self {
        Self { wants_proof: true, ..self }
    }

    pub(crate) const fn and_machines(self) -> Self {
        Self { takes_machines: true, ..self }
    }

    pub(crate) const fn open_to(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }
}

#[cfg(test)]
mod tests;
