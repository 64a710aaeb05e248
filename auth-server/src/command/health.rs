//! `auth-server health`: what an orchestrator without an HTTP client of its own runs in a container.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::output::print;
use crate::{
    config::{HttpConfig, LOCALHOST},
    error::{Error, SettingError},
    http::{listener::Stream, proxy_protocol, tls},
};

/// Less than orchestrators wait.
const DEADLINE: Duration = Duration::from_secs(5);

const LONGEST_ANSWER: usize = 16 * 1024;

/// Asks the server that listens where these settings say.
///
/// # Errors
/// [`Error::Health`]: it cannot be reached, or is not ready. [`Error::Setting`] where the port is not known.
pub(super) async fn ask(config: &HttpConfig) -> Result<(), Error> {
    if config.listen.port == 0 && config.listen.unix_socket.is_none() {
        let problem = "is 0, so the port of the server is not known: name one";
        return Err(SettingError::new("PORT", problem).into());
    }
    let (status, text) = match timeout(DEADLINE, answer(config)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(problem)) => return Err(Error::Health(format!("the server does not answer: {problem}"))),
        Err(_) => return Err(Error::Health("the server does not answer in time".to_owned())),
    };
    if status == StatusCode::OK {
        return print(["ready".to_owned()]);
    }
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let reason =
        document.get("reason").and_then(|reason| reason.as_str()).unwrap_or("another program answers");
    Err(Error::Health(format!("the server is not ready: {reason} ({status})")))
}

async fn answer(
    config: &HttpConfig,
) -> Result<(StatusCode, String), Box<dyn std::error::Error + Send + Sync>> {
    let (mut stream, own) = connect(config).await?;
    if config.trusted_proxies.announces(own) {
        stream.write_all(&proxy_protocol::OF_PROXY).await?;
    }
    if config.listen.tls.is_some() {
        let name = ServerName::try_from(LOCALHOST)?;
        stream = Box::new(TlsConnector::from(tls::client_of_ourselves()?).connect(name, stream).await?);
    }
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/health/ready").header(HOST, LOCALHOST).body(Empty::<Bytes>::new())?;
    let (head, body) = client.send_request(request).await?.into_parts();
    let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

/// The connection, and how the server sees us.
async fn connect(config: &HttpConfig) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)> {
    let listen = &config.listen;
    #[cfg(unix)]
    if let Some(path) = &listen.unix_socket {
        return Ok((Box::new(tokio::net::UnixStream::connect(path).await?), None));
    }
    let ours: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let every = |ip: IpAddr| ip.is_unspecified();
    let stream = if listen.host == LOCALHOST || listen.host.parse().is_ok_and(every) {
        TcpStream::connect(&ours.map(|ip| SocketAddr::from((ip, listen.port)))[..]).await?
    } else {
        TcpStream::connect((&*listen.host, listen.port)).await?
    };
    let own = stream.local_addr()?.ip();
    Ok((Box::new(stream), Some(own)))
}
