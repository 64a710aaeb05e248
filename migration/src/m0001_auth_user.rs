use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, string_len};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_user";

/// Users and their addresses. Times are unix milliseconds, here and in every other table.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0001_auth_user", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        // As typed; an address has at most 254 characters (RFC 5321, 4.5.3.1.3).
        .col(string_len("email", 254))
        // Longer than `email`: an internationalised domain grows in its ASCII form.
        .col(string_len("email_normalized", 320))
        .col(big_integer_null("email_verified_at"))
        .col(big_integer_null("disabled_at"))
        // A session carries the epoch it was made in; raising the user's ends them all.
        .col(big_integer("epoch").default(0))
        .col(big_integer_null("epoch_at"))
        // Raised whenever the roles are set, and in every access token: one with a lower number tells old roles.
        .col(big_integer("roles_version").default(0))
        .col(big_integer_null("roles_at"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(&mut ddl::primary_key("auth_user_pkey", ["id"]))
        .to_owned();
    let indexes = vec![
        ddl::unique(TABLE, "auth_user_email_normalized_key", ["email_normalized"]),
        ddl::index(TABLE, "auth_user_epoch_at_idx", ["epoch_at"]),
        ddl::index(TABLE, "auth_user_roles_at_idx", ["roles_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
