//! Where connections come from: a port or the file of a Unix socket, with TLS or without.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::proxy_protocol::{self, Source};
#[cfg(unix)]
use super::unix_socket::UnixSocket;
use crate::{
    config::{HttpConfig, in_url},
    error::{Error, SettingError},
    systemd::Passed,
};

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
        match &self.socket {
            Socket::Tcp(_) => {
                let address = self.socket.address().map_or_else(String::new, |address| address.to_string());
                format!("{}://{address}", if self.tls.is_some() { "https" } else { "http" })
            }
            #[cfg(unix)]
            Socket::Unix(socket) => format!("unix:{}", socket.path().display()),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer): (Box<dyn Stream>, _) = match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small and whole: nothing is gained by waiting for more to send.
                let _ = stream.set_nodelay(true);
                (Box::new(stream), Some(peer.ip()))
            }
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
        let bind_error = |source| {
            let address = format!("{}:{}", in_url(&listen.host), listen.port);
            Error::Bind { setting: "HOST, PORT", address, source }
        };
        TcpListener::bind((&*listen.host, listen.port)).await.map(Self::Tcp).map_err(bind_error)
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
            Self::Tcp(_) => false,
            #[cfg(unix)]
            Self::Unix(socket) => socket.is_open_to_everybody(),
        }
    }

    /// `None` for a Unix socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}
