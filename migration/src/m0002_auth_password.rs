use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, string_len};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_password";

/// Password hashes, apart from the users: who signs in by other means has no row.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0002_auth_password", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "user_id"))
        // A PHC string, or the format of the system that the user was imported from.
        .col(string_len("hash", 512))
        .col(big_integer("updated_at"))
        .primary_key(&mut ddl::primary_key("auth_password_pkey", ["user_id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_password_user_id_fkey"))
        .to_owned();
    ddl::create_table(backend, table, Vec::new())
}
