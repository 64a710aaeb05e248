use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, string_len};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_lease";

/// Which instance does a job that one of them should do, and until when.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0006_auth_lease", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(string_len("job", 32))
        .col(ddl::uuid(backend, "holder"))
        .col(big_integer("expires_at"))
        .primary_key(&mut ddl::primary_key("auth_lease_pkey", ["job"]))
        .to_owned();
    ddl::create_table(backend, table, Vec::new())
}
