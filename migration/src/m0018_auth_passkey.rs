use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, blob, boolean, string_len};
use crate::migrator::SqlMigration;

const PASSKEY_TABLE: &str = "auth_passkey";
const CHALLENGE_TABLE: &str = "auth_passkey_challenge";

/// Passkeys, and the challenges that were answered with one.
pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0018_auth_passkey",
    up: |backend| [passkey, challenge].iter().flat_map(|make| make(backend)).collect(),
    down: |backend| {
        [CHALLENGE_TABLE, PASSKEY_TABLE].iter().flat_map(|table| ddl::drop_table(backend, table)).collect()
    },
};

fn passkey(backend: DbBackend) -> Vec<String> {
    let mut hash = ddl::seed_null(backend, "credential_hash");
    hash.not_null();
    let table = Table::create()
        .table(PASSKEY_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        // SHA-256 of the credential's id, which is too long for an index: up to 1023 bytes.
        .col(hash)
        .col(blob("credential_id"))
        // In COSE.
        .col(blob("public_key"))
        // The site that it is for: of use there only.
        .col(string_len("rp_id", 255))
        .col(string_len("name", 64))
        // The make of the authenticator, as far as it tells.
        .col(ddl::uuid(backend, "aaguid"))
        // How it can be reached, with spaces between the words.
        .col(string_len("transports", 64))
        .col(big_integer("counter"))
        .col(boolean("backup_eligible"))
        .col(boolean("backed_up"))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_used_at"))
        .primary_key(&mut ddl::primary_key("auth_passkey_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(PASSKEY_TABLE, "auth_passkey_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        // A credential belongs to one account.
        ddl::unique(PASSKEY_TABLE, "auth_passkey_credential_hash_key", ["credential_hash"]),
        ddl::index(PASSKEY_TABLE, "auth_passkey_user_id_idx", ["user_id"]),
    ];
    ddl::create_table(backend, table, indexes)
}

/// A challenge is given away without a row; it has one once it was answered, so that it is not answered again.
fn challenge(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(CHALLENGE_TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(big_integer("expires_at"))
        .primary_key(&mut ddl::primary_key("auth_passkey_challenge_pkey", ["id"]))
        .to_owned();
    let indexes = vec![ddl::index(CHALLENGE_TABLE, "auth_passkey_challenge_expires_at_idx", ["expires_at"])];
    ddl::create_table(backend, table, indexes)
}
