use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{PASSWORD, PATIENCE};

/// An HTTP client for one server; keeps no cookies.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// JSON, or a text as a string.
    pub(crate) body: Value,
}

/// What a login gives.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    /// As it is sent back: `name=value`.
    pub(crate) cookie: String,
    /// The same; of a login only.
    pub(crate) device: Option<String>,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { url: url.to_owned(), http }
    }

    /// The same over HTTP/2 without TLS (prior knowledge).
    pub(crate) fn http2(&self) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { url: self.url.clone(), http }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let answer = async { Answer::read(self.http.request(request).await.unwrap()).await };
        timeout(PATIENCE, answer).await.expect("no answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn register(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        self.send("POST", "/register", &[("content-type", "application/json")], &body).await
    }

    pub(crate) async fn login(&self, email: &str) -> Answer {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        self.send("POST", "/login", &[("content-type", "application/json")], &body).await
    }

    /// Registers and signs in.
    pub(crate) async fn sign_up(&self, email: &str) -> Session {
        assert_eq!(self.register(email).await.status, 201);
        self.login(email).await.session()
    }

    pub(crate) async fn refresh(&self, cookie: &str) -> Answer {
        self.send("POST", "/refresh-token", &[("cookie", cookie)], "").await
    }

    pub(crate) async fn logout(&self, cookie: &str) -> Answer {
        self.send("POST", "/logout", &[("cookie", cookie)], "").await
    }

    pub(crate) async fn verify(&self, access_token: &str) -> Answer {
        self.send("GET", "/verify", &[("authorization", &format!("Bearer {access_token}"))], "").await
    }

    pub(crate) async fn me(&self, access_token: &str) -> Answer {
        self.send("GET", "/users/me", &[("authorization", &format!("Bearer {access_token}"))], "").await
    }
}

impl Answer {
    pub(super) async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let kind = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_text = kind.starts_with(b"text/") || kind.starts_with(b"image/svg");
        let body = match &body[..] {
            [] => Value::Null,
            text if is_text => Value::String(String::from_utf8(text.to_vec()).unwrap()),
            document => serde_json::from_slice(document).unwrap(),
        };
        Self { status: head.status, headers: head.headers, body }
    }

    /// The tokens of a successful login or refresh.
    pub(crate) fn session(&self) -> Session {
        assert_eq!(self.status, 200, "{:?}", self.body);
        Session {
            access_token: self.body["access_token"].as_str().unwrap().to_owned(),
            cookie: self.cookie("refresh_token").unwrap(),
            device: self.cookie("auth_device"),
        }
    }

    /// The cookie whose name ends like this, as it is sent back.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap());
        let mut pairs = set.map(|set| set.split(';').next().unwrap());
        let found = pairs.find(|pair| pair.split('=').next().unwrap().ends_with(name));
        found.map(str::to_owned)
    }
}
