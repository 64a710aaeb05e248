use std::{net::SocketAddr, sync::OnceLock};

use auth_tower::AuthService;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::ServiceExt;

use super::{
    Answer,
    described::{Asked, Described},
};

/// A way to reach the service.
#[expect(clippy::large_enum_variant, reason = "a test has three at most")]
pub(crate) enum Transport {
    /// A call of the service, and its description, written when it is first asked for: each answer is held to it.
    Direct(AuthService, OnceLock<Described>),
    /// A real socket; the service is mounted under a prefix.
    Socket { address: SocketAddr, prefix: &'static str, client: Client<HttpConnector, Full<Bytes>> },
}

impl Transport {
    pub(crate) fn direct(service: AuthService) -> Self {
        Self::Direct(service, OnceLock::new())
    }

    /// Below `/auth` of an axum application.
    pub(crate) async fn axum(service: AuthService) -> Self {
        let router = axum::Router::new().nest_service("/auth", service);
        let (listener, this) = Self::listen("/auth").await;
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        this
    }

    /// hyper and nothing else.
    pub(crate) async fn hyper(service: AuthService) -> Self {
        let (listener, this) = Self::listen("").await;
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no failure of the test.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        this
    }

    async fn listen(prefix: &'static str) -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        (listener, Self::Socket { address, prefix, client })
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        match self {
            Self::Direct(service, described) => {
                let asked = Asked::of(&request);
                let Ok(response) = service.clone().oneshot(request.map(Full::new)).await;
                let answer = collect(response).await;
                if let Some(asked) = asked {
                    described.get_or_init(|| Described::new(service.openapi())).check(&asked, &answer);
                }
                answer
            }
            Self::Socket { address, prefix, client } => {
                let mut request = request.map(Full::new);
                let path = request.uri().path_and_query().unwrap();
                *request.uri_mut() = format!("http://{address}{prefix}{path}").parse::<Uri>().unwrap();
                collect(client.request(request).await.unwrap()).await
            }
        }
    }
}

pub(crate) async fn collect<B>(response: Response<B>) -> Answer
where
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
