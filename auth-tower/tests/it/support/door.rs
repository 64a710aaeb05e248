use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

use super::{Answer, Req};

/// Calls a service behind doors.
pub(crate) async fn send<S, B>(service: S, request: Req) -> Answer
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let Ok(response) = service.oneshot(request.build().map(Full::new)).await;
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(length, Some(body.len() as u64));
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
