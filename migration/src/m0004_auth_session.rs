use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, string_len, string_len_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_session";

/// One row for each session, however often it was refreshed.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0004_auth_session", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        .col(big_integer("epoch"))
        // The session's share in its refresh tokens; no token is stored.
        .col(ddl::seed(backend))
        .col(big_integer("newest"))
        .col(big_integer("last_used"))
        .col(big_integer("oldest_unused"))
        .col(big_integer_null("rotated_at"))
        .col(big_integer("created_at"))
        .col(big_integer("last_used_at"))
        .col(big_integer("expires_at"))
        .col(big_integer_null("revoked_at"))
        // A short code, for the client's cookie and for whoever asks later.
        .col(string_len_null("revoked_reason", 16))
        .col(string_len("methods", 64))
        .col(string_len_null("user_agent", 512))
        // The longest text form of an address: IPv6 with an IPv4 tail.
        .col(string_len_null("ip", 45))
        .primary_key(&mut ddl::primary_key("auth_session_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_session_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        ddl::index(TABLE, "auth_session_user_id_idx", ["user_id"]),
        ddl::index(TABLE, "auth_session_last_used_at_idx", ["last_used_at"]),
        ddl::index(TABLE, "auth_session_expires_at_idx", ["expires_at"]),
        ddl::index(TABLE, "auth_session_revoked_at_idx", ["revoked_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
