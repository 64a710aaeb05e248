//! What is wrong with the files, and with what is in the SQLite file.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    time::Duration,
};

use auth_core::{Clock as _, SystemClock};

use super::{Installation, mode};
use crate::support::KEY;

const YEAR: Duration = Duration::from_hours(366 * 24);

fn make_old(path: &Path) {
    File::options().append(true).open(path).unwrap().set_modified(SystemClock.now() - YEAR).unwrap();
}

#[tokio::test]
async fn each_fault_of_the_files_has_exactly_its_code() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, &str); 6] = [
        (|home| fs::remove_file(home.join("auth.key")).unwrap(), "key_missing"),
        (|home| fs::write(home.join("auth.key"), "half a k").unwrap(), "key_file"),
        (|home| mode(&home.join("auth.key"), 0o640), "key_file_readable"),
        (|home| mode(&home.join("auth.db"), 0o644), "database_file_readable"),
        (|home| make_old(&home.join("auth.key")), "key_file_old"),
        (
            |home| {
                fs::write(home.join(".env"), format!("SECRET_KEY={KEY}\n")).unwrap();
                mode(&home.join(".env"), 0o644);
            },
            "secret_file_readable",
        ),
    ];
    for (spoil, code) in cases {
        let installation = Installation::good().await;
        spoil(installation.path());
        assert_eq!(installation.check().await, [code]);
    }
    let installation = Installation::good().await.with(&[("SECRET_KEY_FILE", "key")]);
    let file = installation.path().join("key");
    fs::write(&file, KEY).unwrap();
    mode(&file, 0o640);
    assert_eq!(installation.check().await, [""; 0], "a group is often that of the container");
    mode(&file, 0o644);
    assert_eq!(installation.check().await, ["secret_file_readable"]);
    mode(&file, 0o600);
    make_old(&file);
    assert_eq!(installation.check().await, ["key_file_old"]);
}

#[tokio::test]
async fn each_fault_of_the_stored_has_exactly_its_code() {
    let newest = "DELETE FROM auth_migration WHERE version = (SELECT MAX(version) FROM auth_migration)";
    let cases: &[(&[&str], &str)] = &[
        (&["DELETE FROM auth_user_role"], "no_admin"),
        (&["DROP TABLE auth_identity"], "tables_missing"),
        (&["DROP TABLE auth_identity", newest], "migrations_pending"),
        (&["UPDATE auth_migration SET version = 'm9999_later' WHERE version LIKE 'm0012%'"], "schema_newer"),
        (&["ALTER TABLE auth_migration RENAME COLUMN version TO name"], "schema_unreadable"),
        (&["PRAGMA journal_mode = DELETE"], "sqlite_no_wal"),
        (
            &["INSERT INTO auth_mail (id, kind, recipient, attempts, created_at, next_try_at) \
               VALUES (x'00', 'reset_password', 'grace@example.com', 3, 1, 1)"],
            "mail_stuck",
        ),
        (&["UPDATE auth_event SET code = 'mail_given_up'"], "mails_given_up"),
        (
            &[
                "INSERT INTO auth_webhook (id, url, types, after_seq, tries, failing_since, next_try_at, created_at) \
               VALUES (x'00000000000000000000000000000001', 'https://crm.example.com', '', 0, 5, 1, 1, 1)",
            ],
            "webhook_failing",
        ),
        (
            &[
                "INSERT INTO auth_key (number, id, algorithm, private_key, wrapped_by, created_at, active_at) \
               VALUES (1, 'kid', 'EdDSA', x'00', 'hush', 1, 1)",
            ],
            "key_ring_locked",
        ),
    ];
    for (statements, code) in cases {
        let installation = Installation::good().await;
        installation.sql(statements).await;
        assert_eq!(installation.check().await, [*code], "{statements:?}");
    }
    let ring = Installation::good().await.with(&[("ALGORITHM", "EdDSA")]);
    let revoked = "INSERT INTO auth_key (number, id, algorithm, private_key, wrapped_by, created_at, active_at, revoked_at) \
        VALUES (1, 'kid', 'EdDSA', x'', 'hush', 1, 1, 2)";
    ring.sql(&[revoked]).await;
    assert_eq!(ring.check().await, ["key_ring_no_signer"]);
}

/// Every file with its content, when it was written, and who may read it.
fn snapshot(home: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let entries = fs::read_dir(home).unwrap().map(|entry| entry.unwrap());
    let about = |entry: fs::DirEntry| {
        let meta = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, (fs::read(entry.path()).unwrap(), meta.modified().unwrap(), meta.permissions().mode()))
    };
    entries.map(about).collect()
}

#[tokio::test]
async fn nothing_is_made_or_changed() {
    let good = Installation::good().await;
    let without_key = Installation::good().await;
    fs::remove_file(without_key.path().join("auth.key")).unwrap();
    let without_log = Installation::good().await;
    without_log.sql(&["PRAGMA journal_mode = DELETE"]).await;
    let empty = Installation::good().await;
    for name in ["auth.key", "auth.db"] {
        fs::remove_file(empty.path().join(name)).unwrap();
    }
    let ring = Installation::good().await.with(&[("ALGORITHM", "EdDSA")]);
    let cases = [
        (good, &[][..]),
        (without_key, &["key_missing"]),
        (without_log, &["sqlite_no_wal"]),
        (empty, &["first_start"]),
        (ring, &["key_ring_empty"]),
    ];
    for (installation, expected) in cases {
        let before = snapshot(installation.path());
        assert_eq!(installation.check().await, expected);
        assert!(snapshot(installation.path()) == before, "{expected:?}: a file has changed");
    }
}
