use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, string_len_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_device";
const SESSION_TABLE: &str = "auth_session";

/// Devices on which a second factor is not asked for again for a while, and which of them a session was let in for.
pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0017_auth_device",
    up: |backend| {
        let mut statements = device(backend);
        // Null in the row of a program that does not know the column: it let nobody in for a device. No foreign key: a device
        // that is forgotten is one that is looked for in vain.
        statements.push(ddl::add_column(backend, SESSION_TABLE, ddl::uuid_null(backend, "device_id")));
        statements
    },
    down: |backend| {
        let mut statements = ddl::drop_table(backend, TABLE);
        statements.push(ddl::sql(backend, Table::alter().table(SESSION_TABLE).drop_column("device_id")));
        statements
    },
};

fn device(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        .col(ddl::uuid(backend, "user_id"))
        // What its cookie names it by: another one after each sign-in.
        .col(ddl::uuid(backend, "token_id"))
        // The user's when the factor was shown: whatever ends the sessions ends this.
        .col(big_integer("epoch"))
        // What the browser called itself.
        .col(string_len_null("name", 512))
        // When the factor was shown, from which its time counts.
        .col(big_integer("created_at"))
        .col(big_integer("last_used_at"))
        .primary_key(&mut ddl::primary_key("auth_device_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_device_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        ddl::unique(TABLE, "auth_device_token_id_key", ["token_id"]),
        ddl::index(TABLE, "auth_device_user_id_idx", ["user_id"]),
        ddl::index(TABLE, "auth_device_created_at_idx", ["created_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
