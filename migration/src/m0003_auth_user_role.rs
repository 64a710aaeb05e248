use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, string_len};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_user_role";

/// Which user has which role.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0003_auth_user_role", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "user_id"))
        .col(string_len("role", 64))
        .primary_key(&mut ddl::primary_key("auth_user_role_pkey", ["user_id", "role"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_user_role_user_id_fkey"))
        .to_owned();
    // "Who has this role" reads by it alone, which the primary key does not serve.
    ddl::create_table(backend, table, vec![ddl::index(TABLE, "auth_user_role_role_idx", ["role"])])
}
