use bytes::Bytes;
use http::Request;

/// Requests in a line.
pub(crate) struct Req(http::request::Builder, Bytes);

impl Req {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self(Request::builder().method(method).uri(path), Bytes::new())
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self(self.0.header(name, value.as_ref()), self.1)
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self(self.0.header("content-type", content_type), body)
    }

    pub(crate) fn bare_body(self, body: impl Into<Bytes>) -> Self {
        Self(self.0, body.into())
    }

    pub(crate) fn json(self, body: impl Into<Bytes>) -> Self {
        self.body("application/json", body)
    }

    pub(crate) fn form(self, body: impl Into<Bytes>) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie)
    }

    pub(crate) fn extension(self, extension: impl Clone + Send + Sync + 'static) -> Self {
        Self(self.0.extension(extension), self.1)
    }

    pub(crate) fn build(self) -> Request<Bytes> {
        self.0.body(self.1).unwrap()
    }
}
