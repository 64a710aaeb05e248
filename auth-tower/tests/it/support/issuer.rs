use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use auth_tower::AuthService;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// What an issuer answers to whoever asks for its keys.
#[derive(Clone)]
pub(crate) enum Reply {
    /// What a real service answers.
    Real(AuthService),
    Made(u16, HeaderMap, Bytes),
    /// The beginning, and the connection is closed.
    Half(Bytes),
    /// Nothing, and the connection stays open.
    Silence,
    /// Nothing, and the connection is closed.
    HangUp,
    /// The other, once `true` is sent.
    Held(watch::Receiver<bool>, Box<Self>),
}

impl Reply {
    pub(crate) fn text(body: impl Into<Bytes>) -> Self {
        Self::Made(200, HeaderMap::new(), body.into())
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let Self::Made(_, headers, _) = &mut self else { panic!("not made here") };
        headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn status(mut self, code: u16) -> Self {
        let Self::Made(status, ..) = &mut self else { panic!("not made here") };
        *status = code;
        self
    }
}

/// A server on loopback that counts who asks. It lives as long as the runtime of its test.
pub(crate) struct Issuer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    reply: Mutex<Reply>,
    fetches: AtomicUsize,
    last: Mutex<Option<Request<()>>>,
}

impl Issuer {
    pub(crate) async fn new(reply: Reply) -> Self {
        Self::listen(reply, None).await
    }

    pub(crate) async fn tls(reply: Reply, acceptor: TlsAcceptor) -> Self {
        Self::listen(reply, Some(acceptor)).await
    }

    async fn listen(reply: Reply, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (reply, last) = (Mutex::new(reply), Mutex::new(None));
        let shared = Arc::new(Shared { reply, fetches: AtomicUsize::new(0), last });
        let server = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (server, acceptor) = (Arc::clone(&server), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, server).await,
                        // A client that does not trust us goes away here.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, server).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn replies(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap() = reply;
    }

    /// How often somebody has asked.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    /// The head of what was asked last.
    pub(crate) fn last(&self) -> Request<()> {
        self.shared.last.lock().unwrap().take().unwrap()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request: Request<Incoming>| {
        shared.fetches.fetch_add(1, Ordering::SeqCst);
        let (parts, _) = request.into_parts();
        *shared.last.lock().unwrap() = Some(Request::from_parts(parts.clone(), ()));
        let reply = shared.reply.lock().unwrap().clone();
        answer(reply, Request::from_parts(parts, Full::<Bytes>::default()))
    });
    // Some of the replies end a connection early, and so do clients.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    mut reply: Reply,
    request: Request<Full<Bytes>>,
) -> Result<Response<BoxBody<Bytes, io::Error>>, io::Error> {
    while let Reply::Held(mut open, other) = reply {
        open.wait_for(|open| *open).await.unwrap();
        reply = *other;
    }
    match reply {
        Reply::Real(service) => {
            let Ok(response) = service.oneshot(request).await;
            Ok(response.map(whole))
        }
        Reply::Made(status, headers, body) => {
            let mut response = Response::new(whole(Full::from(body)));
            *response.status_mut() = status.try_into().unwrap();
            *response.headers_mut() = headers;
            Ok(response)
        }
        Reply::Half(bytes) => Ok(Response::new(Half { bytes: Some(bytes), sent: false }.boxed())),
        Reply::HangUp => Err(io::Error::other("closed without a word")),
        Reply::Silence | Reply::Held(..) => std::future::pending().await,
    }
}

fn whole<B>(body: B) -> BoxBody<Bytes, io::Error>
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static,
{
    body.map_err(|never| match never {}).boxed()
}

/// Some bytes, which get out, and then an error.
struct Half {
    bytes: Option<Bytes>,
    sent: bool,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !std::mem::replace(&mut self.sent, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("broken off"))))
    }
}
