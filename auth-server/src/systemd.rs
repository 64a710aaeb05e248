//! systemd, or whoever speaks as it does: a socket that comes from it, and what it is told. Elsewhere nothing of it
//! happens.

use std::os::fd::AsFd;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UnixListener};

use crate::{
    error::{Error, SettingError},
    http::{listener::Socket, unix_socket::UnixSocket},
};

/// Sockets that were opened before the program began (`LISTEN_FDS`): they stay open while it is restarted, and may have a
/// port below 1024 without a privilege.
pub(crate) struct Passed(ListenFd);

impl Passed {
    /// Takes the variables out of the environment, so it has to come before there are threads.
    pub(crate) fn from_env() -> Self {
        Self(ListenFd::from_env())
    }

    /// The one socket, if there is any.
    ///
    /// # Errors
    /// There are several, or it is none to listen on.
    pub(crate) fn socket(mut self) -> Result<Option<Socket>, Error> {
        match self.0.len() {
            0 => return Ok(None),
            1 => {}
            several => {
                let problem = format!("has {several} sockets, and one is served; start a server for each");
                return Err(SettingError::new("LISTEN_FDS", problem).into());
            }
        }
        let unusable = |source| Error::System { what: "the socket that was passed in (LISTEN_FDS)", source };
        let listens = |socket: &dyn AsFd| match socket_acceptconn(socket.as_fd()) {
            Ok(true) => Ok(()),
            _ => Err(SettingError::new("LISTEN_FDS", "has a socket that does not listen: Accept=no")),
        };
        // It tells by an error that the socket is of another kind, and keeps it.
        if let Ok(Some(listener)) = self.0.take_tcp_listener(0) {
            listens(&listener)?;
            listener.set_nonblocking(true).map_err(unusable)?;
            return TcpListener::from_std(listener).map(Socket::Tcp).map(Some).map_err(unusable);
        }
        let Some(listener) = self.0.take_unix_listener(0).map_err(unusable)? else { return Ok(None) };
        listens(&listener)?;
        listener.set_nonblocking(true).map_err(unusable)?;
        let listener = UnixListener::from_std(listener).map_err(unusable)?;
        Ok(Some(Socket::Unix(UnixSocket::passed(listener))))
    }
}

/// Requests are answered.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The settings are being read again; [`ready`] tells the end of it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(error = %error.kind(), "there is no clock to tell of the reload"),
    }
}

/// Running requests may end, and then the program does.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Shows that this process still does what it is asked to, if somebody wants to know (`WATCHDOG_USEC`).
pub(crate) async fn keep_watchdog_quiet() {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) else { return };
    let mut ticks = tokio::time::interval(patience / 2);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// Without anybody who listens (`NOTIFY_SOCKET`) it is nothing. Nor is it a reason to stop if it cannot be told: who waits
/// for it does so with a deadline.
fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(error = %error.kind(), "the service manager cannot be told: NOTIFY_SOCKET");
    }
}
