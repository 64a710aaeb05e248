//! The file of a Unix socket: made at the start, removed at the end, and nobody else's file touched.

use std::{
    fs, io,
    os::fd::AsFd as _,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

use crate::error::Error;

/// Owner and group: a proxy that is to come in joins the group.
const MODE: u32 = 0o660;

/// How many may wait to be accepted; the system has a bound of its own.
const BACKLOG: u32 = 1024;

/// A listening socket. The file goes before the listener does, so that it never is a door without anybody behind it.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    /// `None` where somebody else made it, and looks after it.
    _file: Option<SocketFile>,
    pub(crate) listener: UnixListener,
}

impl UnixSocket {
    /// Makes the file. One that a process has left without removing it is replaced.
    ///
    /// # Errors
    /// [`Error::UnixSocket`] when somebody listens there, or the file is none of a socket or cannot be made.
    pub(crate) async fn bind(path: &Path) -> Result<Self, Error> {
        let cannot = |error: io::Error| {
            Error::UnixSocket(format!(
                "the socket cannot be made: {}; its directory has to exist and be writable, and the path may have 107 \
                 bytes",
                error.kind()
            ))
        };
        make_room(path).await?;
        let socket = make(path).map_err(cannot)?;
        let file = SocketFile::of(path).map_err(cannot)?;
        // What the umask has taken from the group. Before it listens nobody gets in.
        fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(cannot)?;
        Ok(Self { _file: Some(file), listener: socket.listen(BACKLOG).map_err(cannot)? })
    }

    /// A socket whose file is the business of whoever passed it in.
    pub(crate) fn passed(listener: UnixListener) -> Self {
        Self { _file: None, listener }
    }

    /// Whether its file says nothing of who may come in; a socket without a file has nothing that could.
    pub(crate) fn is_open_to_everybody(&self) -> bool {
        fs::metadata(self.path()).is_ok_and(|about| about.permissions().mode() & 0o002 != 0)
            || self.path().as_os_str().is_empty()
    }

    /// Where its file is; empty when it has none.
    pub(crate) fn path(&self) -> PathBuf {
        let address = self.listener.local_addr();
        address.ok().and_then(|address| address.as_pathname().map(Path::to_owned)).unwrap_or_default()
    }
}

/// The file, which is never open to others than those of `MODE`, and does not listen yet.
fn make(path: &Path) -> io::Result<tokio::net::UnixSocket> {
    let socket = tokio::net::UnixSocket::new_stream()?;
    // On Linux the file gets the mode of the socket, less the umask. Elsewhere this is refused, and of no use.
    let _ = fs::File::from(socket.as_fd().try_clone_to_owned()?)
        .set_permissions(fs::Permissions::from_mode(MODE));
    socket.bind(path)?;
    Ok(socket)
}

/// Removes a socket that nobody listens on any more.
async fn make_room(path: &Path) -> Result<(), Error> {
    let refuse = |problem: &str| Err(Error::UnixSocket(problem.to_owned()));
    let stale = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(about) if about.file_type().is_socket() => (about.dev(), about.ino()),
        _ => return refuse("there is another kind of file, or none that can be looked at; set another path"),
    };
    match UnixStream::connect(path).await {
        // The only answer that says that nobody is there; a server that is busy gives another.
        // Another start may have put its own there since.
        Err(error)
            if error.kind() == io::ErrorKind::ConnectionRefused
                && identity(path).is_ok_and(|now| now != stale) =>
        {
            refuse("another process listens there; stop that one or set another path")
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                refuse("a socket that nobody listens on cannot be removed; remove it, or set another path")
            }
            _ => Ok(()),
        },
        _ => refuse("another process listens there; stop that one or set another path"),
    }
}

/// A file that is ours as long as it is the one that was made: another process may have put its own there since.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|about| (about.dev(), about.ino()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_file_of_a_socket_is_at_no_moment_open_to_others() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("socket");
        let socket = make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o117, 0);
        assert!(UnixStream::connect(&path).await.is_err(), "it does not listen yet");
        drop(socket);
    }
}
