//! Where connections come from: a port or the file of a Unix socket, with TLS or without.

use std::{fmt, io, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

#[cfg(unix)]
use crate::unix_socket::UnixSocket;

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
    /// `None` on a Unix socket: whoever may open its file is no network.
    pub(crate) peer: Option<IpAddr>,
}

impl Listener {
    pub(crate) fn new(socket: Socket, tls: Option<watch::Receiver<Arc<ServerConfig>>>) -> Self {
        Self { socket, tls }
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
    /// After the handshake, if there is to be one.
    pub(crate) async fn open(self, within: Duration) -> io::Result<Box<dyn Stream>> {
        match self.tls {
            None => Ok(self.stream),
            Some(tls) => Ok(Box::new(timeout(within, tls.accept(self.stream)).await??)),
        }
    }
}

impl Socket {
    /// `None` for a Unix socket.
    pub(crate) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            #[cfg(unix)]
            Self::Unix(_) => Ok(None),
        }
    }
}
