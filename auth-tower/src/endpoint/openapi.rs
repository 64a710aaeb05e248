//! The description of what is mounted.

use std::future::ready;

use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::json;

use super::Doors;
use crate::{
    Body,
    openapi::{Operation, Tag},
    route::{Address, Endpoint, Route},
    service::Inner,
};

impl Endpoint {
    /// `GET /openapi.json`: the description of what is mounted
    pub const OPENAPI: Self = Self(&Address::new(
        "/openapi.json",
        &[Route::get(|call| Box::pin(ready(Ok(openapi(&call.service)))), describe)],
    ));
}

pub(crate) const DOORS: Doors = Doors { endpoints: &[Endpoint::OPENAPI], ..Doors::tagged(Tag::SERVICES) };

/// `GET /openapi.json`.
fn openapi(service: &Inner) -> Response<Body> {
    let mut response = Response::new(Body::bytes(service.openapi_text()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn describe(_: &Inner) -> Operation {
    let answer = json!({
        "description": "OpenAPI 3.1.", "content": {"application/json": {"schema": {"type": "object"}}},
    });
    Operation::new("openapi", "This description").answer(200, answer)
}
