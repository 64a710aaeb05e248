//! Who may read the files, and how old those with keys are.

use std::{fs, path::Path, time::Duration};

use auth_core::{Clock as _, Finding, SystemClock};

use crate::{
    config::{Config, setting},
    key_file,
};

/// As for the keys of the key ring.
const OLD: Duration = Duration::from_hours(365 * 24);

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(database) = config.database.url.sqlite_file() {
        if is_open_to(database, 0o077) {
            found.push(Finding::warning(
                "database_file_readable",
                "the SQLite file can be read by other users of this machine: addresses and password hashes are in it",
                "chmod 600 the file, and those beside it that end with -wal and -shm",
            ));
        }
        let key = key_file::path(database);
        if config.keys.secret.is_none() {
            if is_open_to(&key, 0o077) {
                found.push(Finding::warning(
                    "key_file_readable",
                    "auth.key can be read by other users of this machine: whoever has it can make tokens of any user",
                    "chmod 600 auth.key",
                ));
            }
            found.extend(age("auth.key", &key));
        }
    }
    for file in &config.secret_files {
        if is_open_to(&file.path, 0o004) {
            found.push(readable(&file.setting));
        }
        if file.setting.contains("_KEY") && !file.setting.contains("PREVIOUS") {
            found.extend(age(&file.setting, &file.path));
        }
    }
    let tls_key = config.rows.iter().find(|row| row.name == "TLS_KEY_FILE");
    found.extend(
        tls_key.filter(|row| is_open_to(Path::new(&row.value), 0o004)).map(|row| readable(&row.name)),
    );
    let is_secret = |name: &str| setting(name).is_some_and(|setting| setting.secret);
    if config.rows.iter().any(|row| row.origin == ".env" && is_secret(&row.name))
        && is_open_to(Path::new(".env"), 0o004)
    {
        found.push(readable(".env"));
    }
    found
}

fn readable(name: &str) -> Finding {
    Finding::note(
        "secret_file_readable",
        format!("the file of secrets {name} can be read by every user of this machine"),
        "chmod 600 it, unless it is in a container where nobody else is",
    )
}

/// By the time at which it was last written.
fn age(name: &str, path: &Path) -> Option<Finding> {
    let age = SystemClock.now().duration_since(fs::metadata(path).ok()?.modified().ok()?).ok()?;
    (age > OLD).then(|| {
        Finding::note(
            "key_file_old",
            format!("the key of {name} has not changed for more than a year"),
            "change it in the steps of the manual's page on keys, which sign nobody out",
        )
    })
}

#[cfg(unix)]
fn is_open_to(path: &Path, others: u32) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & others != 0)
}

#[cfg(not(unix))]
fn is_open_to(_: &Path, _: u32) -> bool {
    false
}
