use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, blob, string_len};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_key";

/// The key ring: private keys that sign access tokens, encrypted.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0007_auth_key", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        // One more than the last: of two who add a key at once, one has to look again.
        .col(big_integer("number"))
        .col(string_len("id", 64))
        .col(string_len("algorithm", 16))
        .col(blob("private_key"))
        // Which secret the encryption hangs on.
        .col(string_len("wrapped_by", 32))
        .col(big_integer("created_at"))
        .col(big_integer("active_at"))
        .col(big_integer_null("revoked_at"))
        .primary_key(&mut ddl::primary_key("auth_key_pkey", ["number"]))
        .to_owned();
    ddl::create_table(backend, table, vec![ddl::unique(TABLE, "auth_key_id_key", ["id"])])
}
