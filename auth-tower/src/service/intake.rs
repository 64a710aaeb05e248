//! From a request's body to something an endpoint can look at.

use std::{collections::BTreeMap, pin::pin};

use bytes::Bytes;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mime::Mime;
use tokio::time::timeout;

use super::{
    BoxError, Inner, Json, form, json,
    multipart::{self, Fault},
};
use crate::{headers::single, problem::Problem, route::Takes};

/// A request body, parsed.
#[derive(Debug)]
pub(crate) enum Payload {
    Nothing,
    Json(Json),
    Form(BTreeMap<String, String>),
}

/// Whether there is no body, and nothing wrong with that.
pub(super) fn is_nothing(headers: &HeaderMap, body: &impl http_body::Body) -> bool {
    body.is_end_stream() && is_identity(headers)
}

impl Inner {
    /// Reads and parses a body within the limits. A body that an endpoint has no use for is held to the same
    /// rules: a page of another site can then send none that a browser lets pass without asking first
    /// (ASVS 3.5.2).
    pub(crate) async fn take_in<B>(
        &self,
        takes: Takes,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Payload, Problem>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        if !is_identity(headers) {
            return Err(Problem::unsupported_media_type("The body must not be compressed."));
        }
        let body = self.read(body).await?;
        if body.is_empty() {
            return Ok(Payload::Nothing);
        }
        match media_type(headers) {
            Some(MediaType::Json) => {
                let json = json::parse(&body);
                json.map(Payload::Json).ok_or_else(|| {
                    Problem::malformed("The body must be JSON in UTF-8, with no member repeated.")
                })
            }
            Some(MediaType::Form) if takes == Takes::JsonOrForm => {
                let form = form::parse(&body);
                form.map(Payload::Form)
                    .ok_or_else(|| Problem::malformed("The form must be UTF-8, with no field repeated."))
            }
            Some(MediaType::Multipart(boundary)) if takes == Takes::JsonOrForm => {
                let form =
                    boundary.ok_or(Fault::Boundary).and_then(|boundary| multipart::parse(&body, &boundary));
                form.map(Payload::Form).map_err(|fault| Problem::malformed(fault.words()))
            }
            _ => Err(Problem::unsupported_media_type(if takes == Takes::JsonOrForm {
                "The body must be application/json, application/x-www-form-urlencoded or multipart/form-data, in UTF-8."
            } else {
                "The body must be application/json, in UTF-8."
            })),
        }
    }

    async fn read<B>(&self, body: B) -> Result<Bytes, Problem>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        // A body that says how long it is need not be read to know.
        if body.size_hint().lower() > self.body_limit as u64 {
            return Err(Problem::body_too_large());
        }
        let body = pin!(Limited::new(body, self.body_limit));
        match timeout(self.body_timeout, body.collect()).await {
            Err(_) => Err(Problem::timeout()),
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::body_too_large()),
            Ok(Err(_)) => Err(Problem::malformed("The body broke off.")),
        }
    }
}

enum MediaType {
    Json,
    Form,
    /// With what stands between the parts, if it is told.
    Multipart(Option<String>),
}

/// The one media type of the body. `None` if there is none, more than one, another, or one in a charset
/// other than UTF-8.
fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let mime: Mime = single(headers, &CONTENT_TYPE).ok()??.to_str().ok()?.parse().ok()?;
    if mime.params().any(|(name, value)| name == mime::CHARSET && value != mime::UTF_8) {
        return None;
    }
    match mime.essence_str() {
        "application/json" => Some(MediaType::Json),
        "application/x-www-form-urlencoded" => Some(MediaType::Form),
        "multipart/form-data" => Some(MediaType::Multipart(multipart::boundary(&mime))),
        _ => None,
    }
}

fn is_identity(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
