//! A server on loopback that keeps what it is sent, and answers as it is told.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify};

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The type of the event.
    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    received: Mutex<Vec<Received>>,
    arrived: Notify,
    answer: Mutex<Answer>,
}

#[derive(Clone)]
enum Answer {
    With(u16, String),
    Never,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let answer = Mutex::new(Answer::With(204, String::new()));
        let state = Arc::new(State { received: Mutex::default(), arrived: Notify::new(), answer });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&shared);
                let service = service_fn(move |request| serve(Arc::clone(&state), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { url, state }
    }

    pub(crate) fn answer(&self, status: u16, body: &str) {
        *self.state.answer.lock().unwrap() = Answer::With(status, body.to_owned());
    }

    /// From now on nothing comes back.
    pub(crate) fn hang(&self) {
        *self.state.answer.lock().unwrap() = Answer::Never;
    }

    /// What came since the last call.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.state.received.lock().unwrap())
    }

    /// The types of what came since the last call.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.take().iter().map(Received::kind).collect()
    }

    /// Waits until so many have come since the last call.
    pub(crate) async fn wait_for(&self, count: usize) {
        loop {
            let arrived = self.state.arrived.notified();
            if self.state.received.lock().unwrap().len() >= count {
                return;
            }
            arrived.await;
        }
    }
}

async fn serve(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    state.received.lock().unwrap().push(Received { headers: head.headers, body });
    state.arrived.notify_waiters();
    let answer = state.answer.lock().unwrap().clone();
    let Answer::With(status, body) = answer else { return std::future::pending().await };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert("location", "http://127.0.0.1:1/".parse().unwrap());
    Ok(response)
}
