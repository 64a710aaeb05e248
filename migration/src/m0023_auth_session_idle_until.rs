use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_session";
const USER: &str = "auth_user";

/// A refresh writes no index any more, and a walk through the users who ended all their sessions goes page by page.
///
/// `last_used_at` changes at each refresh, and had an index for the sweep alone: on PostgreSQL every refresh wrote all indexes of the
/// table. `idle_until` is rounded up to a day, so it changes once a day; 0 in the row of a program that does not know the column.
pub(crate) const MIGRATION: SqlMigration = SqlMigration { name: "m0023_auth_session_idle_until", up, down };

fn up(backend: DbBackend) -> Vec<String> {
    let mut statements = vec![
        ddl::add_column(backend, TABLE, big_integer("idle_until").default(0).take()),
        ddl::add_index(backend, ddl::index(TABLE, "auth_session_idle_until_idx", ["idle_until"])),
        ddl::add_index(backend, ddl::index(USER, "auth_user_epoch_at_id_idx", ["epoch_at", "id"])),
        ddl::drop_index(backend, TABLE, "auth_session_last_used_at_idx"),
        ddl::drop_index(backend, USER, "auth_user_epoch_at_idx"),
    ];
    if backend == DbBackend::Postgres {
        // Room in each page for the row's next version: without it the index entries have to be written all the same.
        statements.push(format!("ALTER TABLE {TABLE} SET (fillfactor = 85)"));
    }
    statements
}

fn down(backend: DbBackend) -> Vec<String> {
    let mut statements = vec![
        ddl::add_index(backend, ddl::index(TABLE, "auth_session_last_used_at_idx", ["last_used_at"])),
        ddl::add_index(backend, ddl::index(USER, "auth_user_epoch_at_idx", ["epoch_at"])),
        ddl::drop_index(backend, USER, "auth_user_epoch_at_id_idx"),
        ddl::drop_index(backend, TABLE, "auth_session_idle_until_idx"),
        ddl::sql(backend, Table::alter().table(TABLE).drop_column("idle_until")),
    ];
    if backend == DbBackend::Postgres {
        statements.push(format!("ALTER TABLE {TABLE} RESET (fillfactor)"));
    }
    statements
}
