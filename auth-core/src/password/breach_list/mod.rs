//! Pwned Passwords without the network: the one place of this crate that reads files, as a list of 40 GB is in no memory.

mod range_files;
mod sorted_file;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use zeroize::Zeroizing;

use super::{BreachChecker, hex};
use crate::{ConfigError, Password};

/// Hexadecimal digits of a SHA-1.
const HASH_DIGITS: usize = 40;

/// The list of [Pwned Passwords](https://haveibeenpwned.com/Passwords) on disk, in either form that its downloader writes
/// with SHA-1: one file of lines `HASH:COUNT`, sorted, or a folder of range files, `21BD1` or `21BD1.txt`, of lines
/// `REST:COUNT`. It is opened anew for every look-up and not kept in memory: a newer one can be renamed into its place.
#[derive(Debug, Clone)]
pub struct BreachList {
    path: PathBuf,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    File,
    /// The range files have this behind their names.
    Folder(&'static str),
}

impl BreachList {
    /// Looks at samples of the list, to tell a wrong file from a right one.
    ///
    /// # Errors
    /// [`ConfigError`]: it cannot be read, is not complete, not sorted, or in another form.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let path = path.into();
        let form = Self::look_at(&path).map_err(|problem| ConfigError::new("breach list", problem))?;
        Ok(Self { path, form })
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn look_at(path: &Path) -> Result<Form, String> {
        let unreadable = |error: &io::Error| {
            format!(
                "cannot be read: {}; name the file or folder that the downloader has written",
                error.kind()
            )
        };
        let kind = fs::metadata(path).map_err(|error| unreadable(&error))?;
        if kind.is_dir() {
            return range_files::look_at(path).map(Form::Folder);
        }
        if !kind.is_file() {
            return Err("is neither a file nor a folder; name what the downloader has written".to_owned());
        }
        match sorted_file::look_at(path) {
            Ok(()) => Ok(Form::File),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error.to_string()),
            Err(error) => Err(unreadable(&error)),
        }
    }
}

impl BreachChecker for BreachList {
    fn is_breached(&self, password: &Password) -> io::Result<bool> {
        let hash = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes()).as_ref());
        let hash = Zeroizing::new(hash.to_ascii_uppercase());
        match self.form {
            Form::File => sorted_file::contains(&self.path, &hash),
            Form::Folder(extension) => range_files::contains(&self.path, extension, &hash),
        }
    }
}

/// A line as `HASH:COUNT`, or nothing if it is none. Padding of the range service has the count 0.
fn entry(line: &[u8], digits: usize) -> Option<Entry<'_>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (hash, rest) = line.split_at_checked(digits)?;
    let count = str::from_utf8(rest).ok()?.strip_prefix(':')?.parse::<u64>().ok()?;
    hash.iter().all(u8::is_ascii_hexdigit).then_some(Entry { hash, is_padding: count == 0 })
}

struct Entry<'a> {
    hash: &'a [u8],
    is_padding: bool,
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests;
