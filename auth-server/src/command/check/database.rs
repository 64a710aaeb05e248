//! The database, and with it all that the library can see: keys, outbox, mail server, identity providers.

use std::path::{Path, PathBuf};

use auth_core::{Auth, ConnectOptions, Finding};
use auth_migration::MigrationError;
use sea_orm::DatabaseConnection;

use super::{keys, settings};
use crate::{
    config::{Config, DatabaseConfig},
    handle,
};

/// File systems of other machines, on which SQLite's locks do not hold, and its write-ahead log needs shared memory.
const NETWORK: [&str; 9] =
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "fuse.glusterfs", "afs"];

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let file = config.database.url.sqlite_file();
    // One that this user may not look for is no new one.
    let is_new = file.is_some_and(|file| matches!(file.try_exists(), Ok(false)));
    if let Some(file) = file {
        found.extend(sqlite_file(file, is_new));
    }
    if config.database.url.allows_clear_text() {
        found.push(Finding::warning(
            "database_without_tls",
            "the database is on another machine, and DATABASE_URL does not demand TLS: whoever is on the way can read and \
             change what is stored",
            "add ?sslmode=verify-full (PostgreSQL) or ?ssl-mode=VERIFY_IDENTITY (MySQL, MariaDB)",
        ));
    }
    let secret = keys::secret(config, is_new, &mut found);
    let has_secret = secret.is_some();
    let Some(secret) = secret.or_else(keys::stand_in) else { return found };
    let db = match connect(&config.database, is_new).await {
        Ok(db) => db,
        Err(finding) => {
            found.push(finding);
            return found;
        }
    };
    let url = config.http.public_url(config.http.listen.port);
    match handle::auth(config, db.clone(), handle::keys(config, secret), &url) {
        Ok(auth) => found.extend(look(&auth, &db, is_new, has_secret).await),
        Err(error) => found.push(settings::finding(&error)),
    }
    handle::close(db).await;
    found
}

/// Makes no file: in the place of one that is not there yet stands an empty database in memory.
async fn connect(config: &DatabaseConfig, is_new: bool) -> Result<DatabaseConnection, Finding> {
    let url = config.url.expose_existing();
    let url = if is_new { "sqlite::memory:" } else { url.as_str() };
    let options = ConnectOptions::new(url).timeout(config.timeout).as_found();
    options.connect().await.map_err(|error| {
        Finding::error(
            "database_unreachable",
            format!("DATABASE_URL: {error}"),
            "see that the file is a SQLite database which this user may read and write",
        )
    })
}

async fn look(auth: &Auth, db: &DatabaseConnection, is_new: bool, has_secret: bool) -> Vec<Finding> {
    let mut found = auth.check().await;
    // With a secret that only stands in for the true one, nothing can be decrypted.
    found.retain(|finding| has_secret || finding.code != "key_ring_locked");
    if is_new {
        found.retain(|finding| finding.code != "tables_missing");
        return found;
    }
    if found.iter().any(|finding| finding.code == "database_unreachable") {
        return found;
    }
    if let Some(schema) = schema(db).await {
        // The same in other words.
        found.retain(|finding| finding.code != "tables_missing");
        found.push(schema);
    }
    found
}

async fn schema(db: &DatabaseConnection) -> Option<Finding> {
    match auth_migration::status(db).await {
        Ok(all) => {
            let pending = all.iter().filter(|migration| !migration.applied).count();
            let newer = all.iter().filter(|migration| !migration.known).count();
            match (pending, newer) {
                (0, 0) => None,
                (0, newer) => Some(Finding::warning(
                    "schema_ahead",
                    format!(
                        "a newer version has applied {newer} migrations that this one does not know; it goes on beside it"
                    ),
                    "replace this version by that one soon; what it no longer needs goes a release later",
                )),
                (pending, _) => Some(Finding::warning(
                    "migrations_pending",
                    format!("{pending} of {} migrations are not applied", all.len()),
                    "`auth-server migrate`; the next start does it too, if its user may change the schema",
                )),
            }
        }
        Err(error @ MigrationError::NewerSchema { .. }) => Some(Finding::error(
            "schema_newer",
            error.to_string(),
            "run that version; this one does not start",
        )),
        Err(error) => Some(Finding::error(
            "schema_unreadable",
            format!("it cannot be told which migrations are applied: {error}"),
            "let the user of DATABASE_URL read the table auth_migration",
        )),
    }
}

fn sqlite_file(file: &Path, is_new: bool) -> Option<Finding> {
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if !directory.is_dir() {
        return Some(Finding::error(
            "database_directory",
            "DATABASE_URL: the directory of the SQLite file is not there, so that the file cannot be made",
            "make the directory, for this user to write in, or name another",
        ));
    }
    if is_new {
        return Some(Finding::note(
            "first_start",
            "DATABASE_URL: the SQLite file is not there yet",
            "nothing is to be done if this is the first start, which makes it, and the key beside it; else name the right file",
        ));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let system = directory.canonicalize().ok().and_then(|place| file_system(&mounts, &place))?;
    network_disk(&system)
}

fn network_disk(system: &str) -> Option<Finding> {
    NETWORK.contains(&system).then(|| {
        Finding::warning(
            "sqlite_network_disk",
            format!(
                "the SQLite file is on a disk of another machine ({system}), where its locks do not hold"
            ),
            "put it on a local disk; for instances on several machines take PostgreSQL or MySQL",
        )
    })
}

/// The type of the file system at a place, from Linux's list of mounts (proc(5)).
fn file_system(mounts: &str, place: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let point = PathBuf::from(left.split(' ').nth(4)?.replace("\\040", " "));
        Some((point, right.split(' ').next()?.to_owned()))
    };
    let around = mounts.lines().filter_map(mount).filter(|(point, _)| place.starts_with(point));
    // Of two at one point the later one covers the other.
    around.max_by_key(|(point, _)| point.components().count()).map(|(_, system)| system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            40 22 0:40 / /srv/data rw - nfs4 files:/data rw,vers=4.2\n\
            41 40 0:41 / /srv/data/fast\\040disk rw - tmpfs tmpfs rw\n";
        let system = |place| file_system(mounts, Path::new(place)).unwrap();
        assert_eq!(system("/srv"), "ext4");
        assert_eq!(system("/srv/data/auth"), "nfs4");
        assert_eq!(system("/srv/database"), "ext4");
        assert_eq!(system("/srv/data/fast disk"), "tmpfs");
        assert_eq!(file_system("nonsense\n", Path::new("/")), None);
    }

    #[test]
    fn a_disk_of_another_machine_is_warned_of() {
        assert_eq!(network_disk("nfs4").map(|finding| finding.code), Some("sqlite_network_disk"));
        assert_eq!(network_disk("ext4"), None);
    }
}
