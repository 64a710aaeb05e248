//! Where connections come from: a port or the file of a Unix socket, with TLS or without.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::proxy_protocol::{self, Source};
#[cfg(unix)]
use super::unix_socket::UnixSocket;
use crate::{
    config::{HttpConfig, LOCALHOST, in_url},
    error::{Error, SettingError},
    systemd::Passed,
};

/// How often to look for a port that is free at both addresses of this machine.
const FREE_PORT_TRIES: usize = 16;

/// Bytes in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Takes connections until it is dropped.
pub(crate) struct Listener {
    socket: Socket,
    tls: Option<watch::Receiver<Arc<ServerConfig>>>,
}

/// The socket alone.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    /// `localhost`: both addresses of this machine, on one port.
    Loopback {
        v4: TcpListener,
        v6: TcpListener,
    },
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// A connection on which nothing was read yet.
pub(crate) struct Accepted {
    stream: Box<dyn Stream>,
    tls: Option<TlsAcceptor>,
    /// Who is at the other end, as far as it is known. `None` on a Unix socket: whoever may open its file is no network.
    pub(crate) peer: Option<IpAddr>,
}

impl Listener {
    pub(crate) fn new(socket: Socket, tls: Option<watch::Receiver<Arc<ServerConfig>>>) -> Self {
        Self { socket, tls }
    }

    /// For people.
    pub(crate) fn place(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let address = self.socket.address();
        match &self.socket {
            Socket::Tcp(_) => {
                format!("{scheme}://{}", address.map_or_else(String::new, |address| address.to_string()))
            }
            Socket::Loopback { .. } => {
                format!("{scheme}://{LOCALHOST}:{}", address.map_or(0, |address| address.port()))
            }
            #[cfg(unix)]
            Socket::Unix(socket) => format!("unix:{}", socket.path().display()),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        let tcp = |(stream, peer): (TcpStream, SocketAddr)| -> (Box<dyn Stream>, _) {
            // Answers are small and whole: nothing is gained by waiting for more to send.
            let _ = stream.set_nodelay(true);
            (Box::new(stream), Some(peer.ip()))
        };
        let (stream, peer): (Box<dyn Stream>, _) = match &self.socket {
            Socket::Tcp(listener) => tcp(listener.accept().await?),
            Socket::Loopback { v4, v6 } => tcp(tokio::select! {
                accepted = v4.accept() => accepted?,
                accepted = v6.accept() => accepted?,
            }),
            #[cfg(unix)]
            Socket::Unix(socket) => (Box::new(socket.listener.accept().await?.0), None),
        };
        // The certificate of this moment, whatever becomes of the file.
        let tls = self.tls.as_ref().map(|current| TlsAcceptor::from(Arc::clone(&current.borrow())));
        Ok(Accepted { stream, tls, peer })
    }
}

impl Accepted {
    /// Reads what a proxy says of the connection before anything else: from then on its peer is the client.
    pub(crate) async fn read_announcement(&mut self, within: Duration) -> io::Result<()> {
        let source = timeout(within, proxy_protocol::read(&mut self.stream)).await??;
        if let Source::Client(client) = source {
            self.peer = Some(client);
        }
        Ok(())
    }

    /// After the handshake, if there is to be one.
    pub(crate) async fn open(self, within: Duration) -> io::Result<Box<dyn Stream>> {
        match self.tls {
            None => Ok(self.stream),
            Some(tls) => Ok(Box::new(timeout(within, tls.accept(self.stream)).await??)),
        }
    }
}

impl Socket {
    /// The one that was passed in, or else that of `UNIX_SOCKET`, or a port.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::UnixSocket`], [`Error::Bind`].
    pub(crate) async fn open(config: &HttpConfig, passed: Passed) -> Result<Self, Error> {
        let listen = &config.listen;
        if let Some(socket) = passed.socket()? {
            socket.fits(config)?;
            if socket.is_on_the_net() && listen.tls.is_none() && config.trusted_proxies.is_empty() {
                tracing::warn!(
                    "the socket that was passed in is open to other machines, and nothing says that TLS is spoken: passwords \
                     can be read on the way; set TLS_CERT_FILE, or name the proxy that speaks TLS in TRUSTED_PROXIES"
                );
            }
            return Ok(socket);
        }
        #[cfg(unix)]
        if let Some(path) = &listen.unix_socket {
            return UnixSocket::bind(path).await.map(Self::Unix);
        }
        if listen.host == LOCALHOST {
            return Self::loopback(listen.port).await;
        }
        bind(&listen.host, listen.port).await.map(Self::Tcp)
    }

    /// What a client takes `localhost` for hangs on the client, so it has to be the same service at both addresses, on one port:
    /// where one of them is taken, another program would get what was meant for this one. Where a machine has only one, that.
    async fn loopback(port: u16) -> Result<Self, Error> {
        let is_missing = |error: &Error| {
            matches!(error, Error::Bind { source, .. } if !matches!(
                source.kind(),
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
            ))
        };
        let (v4, v6) = (Ipv4Addr::LOCALHOST.to_string(), Ipv6Addr::LOCALHOST.to_string());
        let mut tries = 0;
        loop {
            let v4 = match bind(&v4, port).await {
                Err(error) if is_missing(&error) => return bind(&v6, port).await.map(Self::Tcp),
                bound => bound?,
            };
            let chosen = v4.local_addr().map_or(port, |address| address.port());
            tries += 1;
            match bind(&v6, chosen).await {
                Ok(v6) => return Ok(Self::Loopback { v4, v6 }),
                Err(error) if is_missing(&error) => return Ok(Self::Tcp(v4)),
                // What was free there is taken here: another one.
                Err(_) if port == 0 && tries < FREE_PORT_TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Holds a socket that was passed in against the settings, which know nothing of it.
    fn fits(&self, config: &HttpConfig) -> Result<(), SettingError> {
        let (name, problem) = if config.listen.unix_socket.is_some() {
            ("UNIX_SOCKET", "is set, and a socket was passed in too (LISTEN_FDS): keep one of them")
        } else if config.public_url.is_none() {
            (
                "PUBLIC_URL",
                "is needed with a socket that was passed in (LISTEN_FDS): the origin that clients see",
            )
        } else if self.address().is_none() && config.listen.tls.is_some() {
            ("TLS_CERT_FILE", "has no use with a Unix socket, and one was passed in (LISTEN_FDS)")
        } else if self.is_open_to_everybody() {
            (
                "LISTEN_FDS",
                "has a Unix socket that everybody on this machine may open, and whoever does is believed as a proxy: \
                 SocketMode=0660",
            )
        } else {
            return Ok(());
        };
        Err(SettingError::new(name, problem))
    }

    fn is_on_the_net(&self) -> bool {
        self.address().is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }

    fn is_open_to_everybody(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Loopback { .. } => false,
            #[cfg(unix)]
            Self::Unix(socket) => socket.is_open_to_everybody(),
        }
    }

    /// `None` for a Unix socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) | Self::Loopback { v4: listener, .. } => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, Error> {
    let bind_error =
        |source| Error::Bind { setting: "HOST, PORT", address: format!("{}:{port}", in_url(host)), source };
    TcpListener::bind((host, port)).await.map_err(bind_error)
}
