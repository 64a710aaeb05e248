//! The key that a first start makes: `auth.key` beside the SQLite file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use auth_core::{Random as _, SecretKey, SystemRandom};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{error::Error, logging::STARTING};

/// The name of the file.
const NAME: &str = "auth.key";

/// Random bytes in a key; as text they are long enough for every HS algorithm.
const RANDOM_BYTES: usize = 64;

/// Reads the key beside `database`, and makes it if there is none.
///
/// The key appears whole or not at all, and only once: it is written to another file first, and then linked to
/// its name, which fails when another process was faster; then that one's key is taken.
///
/// # Errors
/// A sentence that says what is wrong with the file and what to do.
pub(crate) fn read_or_make(database: &Path) -> Result<SecretKey, Error> {
    let (directory, path) = (directory(database), path(database));
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    let had_data = fs::metadata(database).is_ok_and(|about| about.len() > 0);
    if make(directory, &path).map_err(|error| Error::KeyFile(cannot_make(&error)))? {
        tracing::info!(target: STARTING, "a secret key was made in auth.key beside the database: keep it with the backups");
        if had_data {
            tracing::warn!(
                "auth.key was missing though the database is not new: everyone has to sign in again"
            );
        }
    }
    read(&path)?.ok_or_else(|| Error::KeyFile("disappeared while it was made; start again".to_owned()))
}

/// Reads the key beside `database`, which was there before.
///
/// # Errors
/// As [`read_or_make`]; and when it is there no longer: a new one would sign everybody out.
pub(crate) fn read_again(database: &Path) -> Result<SecretKey, Error> {
    let missing = || Error::KeyFile("is not there: restore it from a backup, or set SECRET_KEY".to_owned());
    read(&path(database))?.ok_or_else(missing)
}

/// Where it is.
pub(crate) fn path(database: &Path) -> PathBuf {
    directory(database).join(NAME)
}

/// `parent` of a bare file name is the empty path, which names no directory.
fn directory(database: &Path) -> &Path {
    match database.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn read(path: &Path) -> Result<Option<SecretKey>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged()),
        Err(error) => {
            let problem = format!("cannot be read: {}; make it readable for this user", error.kind());
            return Err(Error::KeyFile(problem));
        }
    };
    warn_if_others_may_read(path);
    // A restored key may have passed through an editor.
    let text = text.trim();
    let whole =
        URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new).is_ok_and(|bytes| bytes.len() == RANDOM_BYTES);
    if !whole {
        return Err(damaged());
    }
    SecretKey::new(text).map(Some).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::KeyFile(
        "is empty or damaged: restore it from a backup; or remove it, and a new one is made and everyone has to sign \
         in again"
            .to_owned(),
    )
}

fn cannot_make(error: &io::Error) -> String {
    format!(
        "cannot be made beside the SQLite file: {}; make that directory exist and be writable, or set SECRET_KEY",
        error.kind()
    )
}

/// Whether this call made the file.
fn make(directory: &Path, path: &Path) -> io::Result<bool> {
    let mut bytes = Zeroizing::new([0; RANDOM_BYTES]);
    SystemRandom.fill(bytes.as_mut()).map_err(io::Error::other)?;
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let mut suffix = [0; 8];
    SystemRandom.fill(&mut suffix).map_err(io::Error::other)?;
    let draft = directory.join(format!("{NAME}.{}", URL_SAFE_NO_PAD.encode(suffix)));
    let made = write_new(&draft, &text).and_then(|()| match fs::hard_link(&draft, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    });
    // The draft may not exist if it could not be made; an error here must not hide that one.
    let _ = fs::remove_file(&draft);
    let made = made?;
    sync_directory(directory)?;
    Ok(made)
}

pub(crate) fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // Without a line break: whoever reads the file as it is has the same key.
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the name as lasting as the content.
fn sync_directory(directory: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}

/// A warning and no refusal: container platforms open the files of a volume to the pod's group.
fn warn_if_others_may_read(path: &Path) {
    #[cfg(unix)]
    if let Ok(about) = fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0
    {
        tracing::warn!("auth.key can be read by other users of this machine: chmod 600 auth.key");
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_starts_at_once_end_with_one_key_and_leave_no_draft() {
        let home = tempfile::tempdir().unwrap();
        let database = home.path().join("auth.db");
        let keys: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..16).map(|_| scope.spawn(|| read_or_make(&database).unwrap().expose().to_vec())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
        assert!(keys[0].len() >= 64);
        let names: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [NAME]);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_key() {
        let home = tempfile::tempdir().unwrap();
        read_or_make(&home.path().join("auth.db")).unwrap();
        let about = fs::metadata(home.path().join(NAME)).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_an_error_and_stays_as_it_is() {
        for content in
            ["", "\n", "short", "not base64 but as long as a key, with spaces and so on, really quite long!"]
        {
            let home = tempfile::tempdir().unwrap();
            fs::write(home.path().join(NAME), content).unwrap();
            let message = read_or_make(&home.path().join("auth.db")).unwrap_err().to_string();
            assert!(message.starts_with("auth.key: is empty or damaged"), "{message}");
            assert_eq!(fs::read_to_string(home.path().join(NAME)).unwrap(), content);
        }
    }
}
