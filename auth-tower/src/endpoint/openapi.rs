use http::{HeaderValue, Response, header::CONTENT_TYPE};

use crate::{Body, service::Inner};

/// `GET /openapi.json`.
pub(crate) fn openapi(service: &Inner) -> Response<Body> {
    let mut response = Response::new(Body::bytes(service.openapi_text()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
