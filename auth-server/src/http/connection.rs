//! One connection: its handshake, which version of HTTP it speaks, how long it may last.

use std::{convert::Infallible, io, io::Cursor, pin::pin, time::Duration};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt as _, join, split},
    sync::watch,
    time::{sleep, timeout},
};
use tower::Service;

use super::{
    layers::AnyBody,
    limits::Limits,
    listener::{Accepted, Stream},
};

/// How soon a connection that is there for a probe has to ask.
const PROBE_ASKS_WITHIN: Duration = Duration::from_secs(1);

/// How an HTTP/2 connection begins (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much of everything one connection may have.
pub(super) fn builder(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(32 * 1024)
        .max_headers(64);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(16 * 1024)
        // Requests are small, and so are answers: what a connection may have in flight need not be megabytes.
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .max_send_buf_size(64 * 1024)
        // Streams that the client opens and resets at once, and those that break the protocol; beyond it the
        // connection ends.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(limits.header);
    http
}

/// Reads and answers until the client leaves, the connection is too old, or the program is told to end.
pub(super) async fn serve<S, B>(
    accepted: Accepted,
    mut http: auto::Builder<TokioExecutor>,
    service: S,
    limits: Limits,
    only_probes: bool,
    mut stopped: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    B: AnyBody,
{
    let begun = tokio::select! {
        biased;
        begun = begin(accepted, if only_probes { PROBE_ASKS_WITHIN } else { limits.header }) => begun,
        _ = stopped.changed() => return,
    };
    let Ok((greeting, stream)) = begun else { return };
    if only_probes {
        if ![b"GET /health/".as_slice(), b"HEAD /health/"].iter().any(|probe| greeting.starts_with(probe)) {
            return;
        }
        // What comes after the one question may be another one.
        http.http1().keep_alive(false).header_read_timeout(PROBE_ASKS_WITHIN);
    }
    let (read, write) = split(stream);
    let stream = TokioIo::new(join(Cursor::new(greeting).chain(read), write));
    let mut served = pin!(http.serve_connection(stream, TowerToHyperService::new(service)));
    let outcome = tokio::select! {
        outcome = served.as_mut() => outcome,
        () = either(stopped.changed(), sleep(limits.age)) => {
            served.as_mut().graceful_shutdown();
            timeout(limits.grace, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Done when one of the two is.
async fn either(one: impl Future, other: impl Future) {
    tokio::select! {
        _ = one => {}
        _ = other => {}
    }
}

/// The handshake, if there is one, and the first bytes.
async fn begin(accepted: Accepted, within: Duration) -> io::Result<(Vec<u8>, Box<dyn Stream>)> {
    let mut stream = accepted.open(within).await?;
    let greeting = timeout(within, read_greeting(&mut stream)).await??;
    Ok((greeting, stream))
}

/// Reads until it is clear which version of HTTP this is. The connection's own look at it has no deadline: a client
/// that sent nothing, or only the beginning of the HTTP/2 preface, would stay for ever.
async fn read_greeting(stream: &mut Box<dyn Stream>) -> io::Result<Vec<u8>> {
    let mut greeting = Vec::with_capacity(HTTP2_PREFACE.len());
    loop {
        let missing = HTTP2_PREFACE.len().saturating_sub(greeting.len());
        let read = stream.take(missing as u64).read_buf(&mut greeting).await?;
        if read == 0 || greeting.len() >= HTTP2_PREFACE.len() || !HTTP2_PREFACE.starts_with(&greeting) {
            return Ok(greeting);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
    };
    use tower::service_fn;

    use super::*;
    use crate::http::{
        accept::{PROBES, accept_until},
        limits::LIMITS,
        listener::{Listener, Socket},
        proxies::TrustedProxies,
    };

    const PATIENCE: Duration = Duration::from_mins(1);

    /// A server that answers `ok`, for as long as the test runs.
    async fn start(limits: Limits) -> std::net::SocketAddr {
        start_behind(TrustedProxies::default(), limits).await
    }

    async fn start_behind(proxies: TrustedProxies, limits: Limits) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = service_fn(async |_| Ok(Response::new(Full::<Bytes>::from("ok"))));
        let listener = Listener::new(Socket::Tcp(listener), None);
        tokio::spawn(accept_until(listener, service, proxies, limits, std::future::pending));
        address
    }

    async fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok") {
            timeout(PATIENCE, stream.read_buf(&mut answer)).await.unwrap().unwrap();
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn an_old_connection_is_ended_though_it_keeps_the_other_limits() {
        let limits = Limits { age: Duration::from_millis(200), grace: Duration::from_millis(200), ..LIMITS };
        let address = start(limits).await;
        let mut http1 = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut http1).await.starts_with("HTTP/1.1 200"));
        let mut http2 = TcpStream::connect(address).await.unwrap();
        // The preface and empty settings: a connection that is open and asks nothing.
        http2.write_all(HTTP2_PREFACE).await.unwrap();
        http2.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        for mut stream in [http1, http2] {
            timeout(LIMITS.header / 2, stream.read_to_end(&mut Vec::new()))
                .await
                .expect("still open")
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_say_in_time_whose_a_connection_is_does_not_stay() {
        let limits = Limits { header: Duration::from_millis(200), ..LIMITS };
        let mut proxies = TrustedProxies::parse("127.0.0.1").unwrap();
        proxies.announce = true;
        let address = start_behind(proxies, limits).await;
        for begun in [&b""[..], b"\r\n\r\n\0", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            let mut answer = Vec::new();
            timeout(LIMITS.header / 2, stream.read_to_end(&mut answer)).await.expect("still open").unwrap();
            assert_eq!(answer, b"", "{begun:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_reads_no_answers_does_not_stay() {
        let limits = Limits { age: Duration::from_millis(200), grace: Duration::from_millis(200), ..LIMITS };
        let mut stream = TcpStream::connect(start(limits).await).await.unwrap();
        let requests = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
        let cut_off = async { while stream.write_all(&requests).await.is_ok() {} };
        timeout(PATIENCE, cut_off).await.expect("the server still listens to a client that does not read");
    }

    #[tokio::test]
    async fn a_network_with_too_many_connections_may_still_ask_for_our_health_and_for_nothing_else() {
        let address = start(Limits { per_network: 2, ..LIMITS }).await;
        let asks = async |what: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {what} HTTP/1.1\r\nhost: x\r\n\r\n");
            let mut answer = Vec::new();
            let _ = stream.write_all(request.repeat(2).as_bytes()).await;
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it stays open");
            String::from_utf8(answer).unwrap()
        };
        let mut crowd = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
            crowd.push(stream);
        }
        for _ in 0..2 * PROBES {
            let answer = asks("/health/ready").await;
            assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "one question each: {answer}");
            assert_eq!(asks("/login").await, "");
        }
        // More of those who do not ask have no place, and those who have one not for long.
        let mut idle = Vec::new();
        for _ in 0..PROBES {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        for mut stream in idle {
            timeout(LIMITS.header / 2, stream.read_to_end(&mut Vec::new()))
                .await
                .expect("still open")
                .unwrap();
        }
        assert_ne!(asks("/health/live").await, "");
        drop(crowd);
    }

    #[tokio::test]
    async fn one_connection_too_many_waits_until_another_ends() {
        let address = start(Limits { connections: 1, ..LIMITS }).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut first).await.starts_with("HTTP/1.1 200"));
        let mut second = TcpStream::connect(address).await.unwrap();
        let mut waiting = pin!(ask(&mut second));
        assert!(
            timeout(Duration::from_millis(200), waiting.as_mut()).await.is_err(),
            "answered beyond the bound"
        );
        drop(first);
        assert!(waiting.await.starts_with("HTTP/1.1 200"));
    }
}
