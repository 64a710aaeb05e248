use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, string_len, text_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_one_time_token";

/// Tokens that work once: address confirmation, password reset.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0005_auth_one_time_token", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid_null(backend, "user_id"))
        .col(string_len("purpose", 32))
        // The row's share in its token; the token itself is not stored.
        .col(ddl::seed(backend))
        .col(text_null("payload"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .col(big_integer_null("spent_at"))
        .primary_key(&mut ddl::primary_key("auth_one_time_token_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_one_time_token_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        ddl::index(TABLE, "auth_one_time_token_user_id_purpose_idx", ["user_id", "purpose"]),
        ddl::index(TABLE, "auth_one_time_token_expires_at_idx", ["expires_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
