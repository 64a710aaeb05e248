use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::{Answer, PASSWORD, PATIENCE};

/// One connection, whatever it goes over, for one request after the other.
pub(crate) struct Connection {
    version: Version,
}

enum Version {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(crate) async fn http1(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { version: Version::One(sender) }
    }

    pub(crate) async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { version: Version::Two(sender) }
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        // HTTP/2 takes the host from the address, and HTTP/1 from the header.
        let (uri, host) = match self.version {
            Version::One(_) => (path.to_owned(), Some(("host", "localhost"))),
            Version::Two(_) => (format!("https://localhost{path}"), None),
        };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers.iter().copied().chain(host) {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let answer = async {
            let response = match &mut self.version {
                Version::One(sender) => sender.send_request(request).await,
                Version::Two(sender) => sender.send_request(request).await,
            };
            Answer::read(response.unwrap()).await
        };
        timeout(PATIENCE, answer).await.expect("no answer")
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// To `/register` or `/login`.
    pub(crate) async fn post_credentials(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.send("POST", path, &headers, &body).await
    }
}
