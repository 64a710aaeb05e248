use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use auth_core::{
    Auth, Keys, SecretKey,
    test_util::{EventLog, InsecureHasher, ManualClock},
};
use axum::{Router, body::Body, extract::ConnectInfo, response::Html, routing::get};
use http::{
    Request, Response,
    header::{CONTENT_LENGTH, COOKIE},
};
use hyper::body::Incoming;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tower::{ServiceExt as _, service_fn};

use crate::{PATIENCE, app::app};

pub(crate) const REFRESH: &str = "/auth/refresh-token";
/// What a page loads last.
pub(crate) const SCRIPT: &str = "/session.js";
pub(crate) const LOGOUT: &str = "/auth/logout";

/// The example, with a clock that can be moved, on a server that counts and that may lose answers.
pub(crate) struct Host {
    pub(crate) url: String,
    pub(crate) auth: Auth,
    pub(crate) clock: ManualClock,
    pub(crate) events: EventLog,
    traffic: Traffic,
}

#[derive(Clone, Default)]
struct Traffic {
    /// Path and status of each request, and whether it brought cookies. The status of one whose answer does not arrive is 0.
    answered: Arc<Mutex<Vec<(String, u16, bool)>>>,
    refreshes: watch::Sender<Refreshes>,
    has_locks: bool,
}

/// What becomes of the answer to a refresh, which the server has done in any case.
#[derive(Clone, Copy, Default)]
pub(crate) enum Refreshes {
    #[default]
    Arrive,
    /// They do when it is no longer so.
    Wait,
    /// The connection is cut.
    AreLost,
    /// The connection stays, and nothing comes until the browser has left.
    AreWithheld,
}

impl Host {
    /// `has_locks: false`: to its page the browser is one without the Web Locks API.
    pub(crate) async fn start(has_locks: bool) -> Self {
        Self::with("127.0.0.1", has_locks).await
    }

    /// By a name there can be passkeys, which there are not by an address.
    pub(crate) async fn named(name: &str) -> Self {
        Self::with(name, true).await
    }

    async fn with(name: &str, has_locks: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{name}:{}", listener.local_addr().unwrap().port());
        let db = auth_core::connect("sqlite::memory:").await.unwrap();
        auth_migration::up(&db).await.unwrap();
        let (clock, events) = (ManualClock::new(), EventLog::new());
        let auth = Auth::builder(db, Keys::new(SecretKey::new([7; 32]).unwrap()))
            .clock(Arc::new(clock.clone()))
            .events(Arc::new(events.clone()))
            .hasher(Arc::new(InsecureHasher::new()))
            .configure(|config| {
                config.passkeys.rp_id = Some(name.to_owned());
                config.passkeys.origins = vec![url.clone()];
            })
            .build()
            .unwrap();
        let traffic = Traffic { has_locks, ..Traffic::default() };
        tokio::spawn(serve(listener, app(&auth, &url).unwrap(), traffic.clone()));
        Self { url, auth, clock, events, traffic }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The statuses with which this path was answered since the last call.
    pub(crate) fn take(&self, path: &str) -> Vec<u16> {
        self.take_with_cookies(path).into_iter().map(|(status, _)| status).collect()
    }

    /// And whether there were cookies with the request.
    pub(crate) fn take_with_cookies(&self, path: &str) -> Vec<(u16, bool)> {
        let mut answered = self.traffic.answered.lock().unwrap();
        answered.extract_if(.., |(to, ..)| to == path).map(|(_, status, cookies)| (status, cookies)).collect()
    }

    /// So it is from now on.
    pub(crate) fn refreshes(&self, what: Refreshes) {
        self.traffic.refreshes.send_replace(what);
    }

    /// Waits until so many requests for this path came since they were last taken.
    pub(crate) async fn wait_for(&self, path: &str, number: usize) {
        let answered = || self.traffic.answered.lock().unwrap().iter().filter(|(to, ..)| to == path).count();
        let came = async {
            while answered() < number {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, came).await.expect("the browser asks");
    }
}

async fn serve(listener: TcpListener, router: Router, traffic: Traffic) {
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        let (router, traffic) = (router.clone(), traffic.clone());
        let service = service_fn(move |request| answer(router.clone(), traffic.clone(), peer, request));
        let service = TowerToHyperService::new(service);
        let http = hyper::server::conn::http1::Builder::new();
        // A lost answer is an error here, and the end of the connection.
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    router: Router,
    traffic: Traffic,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, &'static str> {
    let path = request.uri().path().to_owned();
    let cookies = request.headers().contains_key(COOKIE);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.oneshot(request.map(Body::new)).await;
    let mut response = response.unwrap_or_else(|never: Infallible| match never {});
    let fate = if path == REFRESH { *traffic.refreshes.borrow() } else { Refreshes::Arrive };
    let arrives = matches!(fate, Refreshes::Arrive | Refreshes::Wait);
    let status = if arrives { response.status().as_u16() } else { 0 };
    traffic.answered.lock().unwrap().push((path.clone(), status, cookies));
    match fate {
        Refreshes::Arrive => {}
        Refreshes::Wait => {
            let mut refreshes = traffic.refreshes.subscribe();
            refreshes.wait_for(|now| !matches!(now, Refreshes::Wait)).await.unwrap();
        }
        Refreshes::AreLost => return Err("lost on the way"),
        Refreshes::AreWithheld => std::future::pending().await,
    }
    if path == SCRIPT && !traffic.has_locks {
        let script = axum::body::to_bytes(std::mem::take(response.body_mut()), usize::MAX).await.unwrap();
        let script = String::from_utf8(script.to_vec()).unwrap();
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = format!("delete Navigator.prototype.locks;\n{script}").into();
    }
    Ok(response)
}

/// An origin that the example has never heard of: its addresses by number, of the same site as the example, and by name, of another.
pub(crate) async fn elsewhere() -> [String; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/", get(async || Html("<!doctype html><title>Elsewhere</title>")));
    tokio::spawn(async move { axum::serve(listener, router).await });
    [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/")]
}
