use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_deleted_user";

/// Ids of accounts that are gone, for as long as their access tokens live: other instances ask for them.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0011_auth_deleted_user", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(big_integer("deleted_at"))
        .primary_key(&mut ddl::primary_key("auth_deleted_user_pkey", ["id"]))
        .to_owned();
    let index = ddl::index(TABLE, "auth_deleted_user_deleted_at_idx", ["deleted_at"]);
    ddl::create_table(backend, table, vec![index])
}
