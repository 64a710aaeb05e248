use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, string_len, string_len_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_event";

/// The audit: what happened, to whom, by whom, from where.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0010_auth_event", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        // In the order of time.
        .col(ddl::uuid(backend, "id"))
        .col(big_integer("at"))
        .col(string_len("code", 32))
        // No keys to users: what happened stays when the account goes.
        .col(ddl::uuid_null(backend, "user_id"))
        .col(ddl::uuid_null(backend, "actor_id"))
        .col(ddl::uuid_null(backend, "session_id"))
        .col(string_len_null("reason", 64))
        .col(string_len_null("ip", 45))
        .col(string_len_null("request_id", 128))
        .primary_key(&mut ddl::primary_key("auth_event_pkey", ["id"]))
        .to_owned();
    let indexes = vec![
        ddl::index(TABLE, "auth_event_user_id_id_idx", ["user_id", "id"]),
        ddl::index(TABLE, "auth_event_at_idx", ["at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
