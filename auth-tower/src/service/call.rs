//! What a handler gets.

use std::{collections::BTreeMap, str::FromStr, sync::Arc};

use auth_core::{ClientInfo, Principal};
use http::{HeaderMap, request::Parts};

use super::{Inner, Payload, form};
use crate::{TrustedProxy, problem::Problem, route::Found};

/// A request that has got through to its handler.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: Arc<Inner>,
    parts: Parts,
    found: Found,
    pub(crate) client: ClientInfo,
    pub(crate) payload: Payload,
    pub(super) caller: Option<Principal>,
}

impl Call {
    pub(super) fn new(service: Arc<Inner>, parts: Parts, found: Found, client: ClientInfo) -> Self {
        Self { service, parts, found, client, payload: Payload::Nothing, caller: None }
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Whether the host says that whoever is connected may be believed.
    pub(crate) fn is_of_trusted_proxy(&self) -> bool {
        self.parts.extensions.get::<TrustedProxy>().is_some()
    }

    /// Whoever was let in. Taken once; at a door that is open to anybody there is nobody.
    pub(crate) fn caller(&mut self) -> Result<Principal, Problem> {
        self.caller.take().ok_or_else(Problem::unauthenticated)
    }

    /// What stands in the path where the braces are.
    pub(crate) fn parameter(&self) -> &str {
        self.parts.uri.path().get(self.found.parameter.clone()).unwrap_or_default()
    }

    /// The id that stands there.
    pub(crate) fn id<T: FromStr>(&self) -> Result<T, Problem> {
        self.parameter().parse().map_err(|_| Problem::not_found())
    }

    /// The query as it was sent.
    pub(crate) fn raw_query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// The parameters of the address.
    pub(crate) fn query(&self) -> Result<BTreeMap<String, String>, Problem> {
        let query = form::parse(self.raw_query().as_bytes());
        query.ok_or_else(|| Problem::malformed("The query must be UTF-8, with no parameter repeated."))
    }
}
