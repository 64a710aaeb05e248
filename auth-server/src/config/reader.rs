//! Finds the value of a setting: flags over environment over `.env`, and remembers where it came from.

use std::{borrow::Cow, collections::BTreeSet, ffi::OsString, fmt, fs::File, io::Read as _, path::PathBuf};

use auth_core::Finding;
use zeroize::Zeroizing;

use super::dotenv::DotEnv;
use crate::error::SettingError;

/// A secret file is one line; a wrong file is not read to its end.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where a value came from; the greater wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Not given.
    Default,
    /// A line of `.env`.
    DotEnv,
    /// An environment variable.
    Environment,
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::DotEnv => ".env",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// A value from a flag or an environment variable, as the operating system gave it. May be a secret: no `Debug`.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) name: String,
    pub(crate) value: OsString,
    pub(crate) origin: Origin,
}

/// One line of `auth-server config`.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: Cow<'static, str>,
    pub(crate) value: String,
    pub(crate) origin: String,
}

/// Where a secret was read from, other than the setting itself.
#[derive(Debug)]
pub(crate) struct SecretFile {
    pub(crate) setting: String,
    pub(crate) path: PathBuf,
}

/// All that was given, and a row for each setting that was asked for.
pub(crate) struct Reader {
    given: Vec<Given>,
    dotenv: DotEnv,
    rows: Vec<Row>,
    secret_files: Vec<SecretFile>,
}

struct Found {
    text: Zeroizing<String>,
    origin: Origin,
}

impl Reader {
    pub(crate) fn new(given: Vec<Given>, dotenv: DotEnv) -> Self {
        Self { given, dotenv, rows: Vec::new(), secret_files: Vec::new() }
    }

    /// The value of a setting, or its default. `parse` tells what would be right, as in "is no number".
    pub(crate) fn setting<T>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, SettingError> {
        let name = name.into();
        let (value, origin) = match self.find(&name, false)? {
            None => (default, Origin::Default),
            Some(found) => {
                let value = parse(found.text.trim())
                    .map_err(|problem| SettingError::new(&*name, problem).from(found.origin))?;
                (value, found.origin)
            }
        };
        self.rows.push(Row { name, value: show(&value), origin: origin.to_string() });
        Ok(value)
    }

    /// The text of a setting that is no secret, and where it came from.
    pub(super) fn plain(&self, name: &str) -> Result<Option<(Zeroizing<String>, String)>, SettingError> {
        let found = self.find(name, false)?;
        Ok(found.map(|found| (found.text.trim().to_owned().into(), found.origin.to_string())))
    }

    /// The text of a secret, given as it is or by file.
    pub(super) fn secret(&mut self, name: &str) -> Result<Option<(Zeroizing<String>, String)>, SettingError> {
        let file_name = format!("{name}_FILE");
        let direct = self.find(name, true)?;
        let by_file = self.find(&file_name, false)?;
        match (direct, by_file) {
            (Some(direct), Some(file)) if direct.origin == file.origin => {
                let problem = format!("and {file_name} are both given; keep one of them");
                Err(SettingError::new(name, problem))
            }
            (direct, Some(file)) if direct.as_ref().is_none_or(|direct| direct.origin < file.origin) => {
                let text = read_secret(&file.text)
                    .map_err(|problem| SettingError::new(&file_name, problem).from(file.origin))?;
                let origin = format!("file, by {file_name} from {}", file.origin);
                self.secret_files
                    .push(SecretFile { setting: file_name, path: PathBuf::from(file.text.as_str()) });
                Ok(Some((text, origin)))
            }
            (Some(direct), _) => Ok(Some((direct.text, direct.origin.to_string()))),
            (None, _) => Ok(None),
        }
    }

    /// Adds a row that was not made by [`setting`](Self::setting).
    pub(crate) fn show(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
        origin: impl fmt::Display,
    ) {
        self.rows.push(Row { name: name.into(), value: value.into(), origin: origin.to_string() });
    }

    /// The names that begin so and have a value, from wherever.
    pub(crate) fn names_with(&self, prefix: &str) -> BTreeSet<String> {
        let given = self.given.iter().filter(|given| !given.value.is_empty()).map(|given| &given.name);
        let dotenv = self.dotenv.values.iter().filter(|(_, value)| !value.trim().is_empty());
        let names = given.chain(dotenv.map(|(name, _)| name));
        names.filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// Whether a setting was given at all.
    pub(crate) fn is_given(&self, name: &str) -> Result<bool, SettingError> {
        Ok(self.find(name, false)?.is_some())
    }

    /// The rows, the files of secrets, and what looked wrong in `.env`.
    pub(crate) fn finish(self) -> (Vec<Row>, Vec<SecretFile>, Vec<Finding>) {
        (self.rows, self.secret_files, self.dotenv.warnings)
    }

    /// An empty value counts as none, as container tools pass variables that are not set; but nobody means an
    /// empty secret, and to fall back to the default then would be to run on another key or database.
    fn find(&self, name: &str, is_secret: bool) -> Result<Option<Found>, SettingError> {
        let given = self.given.iter().find(|given| given.name == name);
        let given = match given {
            None => None,
            Some(given) => {
                let text = given.value.to_str().ok_or_else(|| {
                    SettingError::new(name, "is not UTF-8 text; write it in UTF-8").from(given.origin)
                })?;
                Some((text, given.origin))
            }
        };
        let dotenv = self.dotenv.values.get(name).map(|text| (text.as_str(), Origin::DotEnv));
        for (text, origin) in [given, dotenv].into_iter().flatten() {
            if !text.trim().is_empty() {
                return Ok(Some(Found { text: Zeroizing::new(text.to_owned()), origin }));
            }
            if is_secret {
                return Err(SettingError::new(name, "is empty; give it a value or remove it").from(origin));
            }
        }
        Ok(None)
    }
}

/// Reads a secret from a file; one line break at the end is no part of it, as editors and `echo` leave one.
pub(super) fn read_secret(path: &str) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    File::open(path).and_then(|file| file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text)).map_err(
        |error| {
            format!(
                "names a file that cannot be read: {}; make it a readable text file in UTF-8",
                error.kind()
            )
        },
    )?;
    if text.len() as u64 > MAX_SECRET_BYTES {
        return Err("names a file of more than 64 KiB; write only the value into it".to_owned());
    }
    let end =
        text.strip_suffix('\n').map_or(text.len(), |line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(end);
    // Editors on Windows put it in front; to the eye it is not there.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    if text.trim().is_empty() {
        return Err("names an empty file; write the value into it".to_owned());
    }
    Ok(text)
}
