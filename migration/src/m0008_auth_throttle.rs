use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_throttle";

/// Failed sign-ins in a row: one row for each address or device that has any, by a keyed hash.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0008_auth_throttle", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(big_integer("failures"))
        .col(big_integer("tried_at"))
        .col(big_integer("forget_at"))
        .primary_key(&mut ddl::primary_key("auth_throttle_pkey", ["id"]))
        .to_owned();
    ddl::create_table(backend, table, vec![ddl::index(TABLE, "auth_throttle_forget_at_idx", ["forget_at"])])
}
