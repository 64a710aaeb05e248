//! Requests of which a proxy in front might believe that they begin or end elsewhere, or go to another host: request
//! smuggling (RFC 9112 section 11.2).

use http::{
    HeaderValue, Request, Response, Version,
    header::{CONNECTION, HOST, TRANSFER_ENCODING},
};

/// What is to be done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Plain,
    /// To be answered, and then the connection ends.
    LastOne,
    /// 400, and then the connection ends.
    Ambiguous,
}

/// Reads the version and the headers.
///
/// The parser has already refused two lengths that differ, a `Transfer-Encoding` that does not end in `chunked`, and
/// one in HTTP/1.0. It takes `chunked, chunked`, and of a request with both length and encoding it silently drops the
/// length, which must end the connection (RFC 9112 section 6.1); as the two cannot be told apart here, every
/// chunked request does. HTTP/2 has neither.
pub(crate) fn of<B>(request: &Request<B>) -> Framing {
    let headers = request.headers();
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    let lacks_host = request.version() == Version::HTTP_11 && host.is_none();
    if lacks_host || hosts.next().is_some() {
        return Framing::Ambiguous;
    }
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => Framing::Plain,
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Framing::LastOne,
        _ => Framing::Ambiguous,
    }
}

impl Framing {
    /// Tells the connection to end after this response.
    pub(crate) fn finish<B>(self, mut response: Response<B>) -> Response<B> {
        if self != Self::Plain {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
