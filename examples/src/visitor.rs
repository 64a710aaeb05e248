use std::{collections::BTreeMap, error::Error, net::SocketAddr};

use http::{
    HeaderMap, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// A client of one server that behaves like a page in a browser: it keeps cookies in a jar and the
/// access token in memory, and sends both along.
#[derive(Debug)]
pub struct Visitor {
    http: Client<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
    /// By name.
    jar: BTreeMap<String, String>,
    access_token: Option<String>,
    location: Option<String>,
}

impl Visitor {
    /// Somebody who has never been here.
    pub fn new(server: SocketAddr) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, server, jar: BTreeMap::new(), access_token: None, location: None }
    }

    /// The same person at another server: the access token goes along, the cookies do not.
    pub fn at(&self, server: SocketAddr) -> Self {
        Self { access_token: self.access_token.clone(), ..Self::new(server) }
    }

    /// Somebody who has come by a token in another way.
    pub fn with_token(mut self, token: &str) -> Self {
        self.access_token = Some(token.to_owned());
        self
    }

    /// The access token of the last sign-in or refresh.
    pub fn access_token(&self) -> Option<&str> {
        self.access_token.as_deref()
    }

    /// The path to which the last answer sent the visitor, at this server.
    ///
    /// # Errors
    /// It sent them nowhere, or to another server.
    pub fn path_to_go_to(&self, server: SocketAddr) -> Result<String, Box<dyn Error>> {
        let to = self.location.as_deref().ok_or("the answer leads nowhere")?;
        let places = [format!("http://{server}"), format!("http://localhost:{}", server.port())];
        let path = places.iter().find_map(|place| to.strip_prefix(place)).unwrap_or(to);
        if path.starts_with('/') { Ok(path.to_owned()) } else { Err(format!("it leads to {to}").into()) }
    }

    /// Sends a request and returns the answer's JSON, or its text; a body is sent as JSON.
    ///
    /// # Errors
    /// The server does not answer, or with another status than the expected one.
    pub async fn expect(
        &mut self,
        status: u16,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Value, Box<dyn Error>> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.server));
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if !self.jar.is_empty() {
            let pairs: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        if let Some(token) = &self.access_token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(body.to_owned()))?;

        let (head, body) = self.http.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned()));
        if head.status != status {
            return Err(format!("{method} {path}: {} instead of {status}: {body}", head.status).into());
        }
        self.keep(&head.headers, &body);
        Ok(body)
    }

    fn keep(&mut self, headers: &HeaderMap, body: &Value) {
        self.location = headers.get(LOCATION).and_then(|to| to.to_str().ok()).map(str::to_owned);
        for cookie in headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().ok().and_then(|cookie| cookie.split(';').next());
            match pair.and_then(|pair| pair.split_once('=')) {
                // A cookie without a value is one that is taken away.
                Some((name, "")) => drop(self.jar.remove(name)),
                Some((name, value)) => drop(self.jar.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
        if let Some(token) = body.get("access_token").and_then(Value::as_str) {
            self.access_token = Some(token.to_owned());
        }
    }
}
