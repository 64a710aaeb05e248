use sea_orm::DbBackend;
use sea_orm::sea_query::{ColumnDef, Table};

use crate::ddl::{self, string_len_null, text_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_profile";
const USER: &str = "auth_user";

/// What an account tells beside its address; and how accounts are found by how an address, a name or a user name begins.
pub(crate) const MIGRATION: SqlMigration = SqlMigration { name: "m0024_auth_profile", up, down };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "user_id"))
        .col(string_len_null("name", 200))
        // In lower case, and no more of it than anybody looks for.
        .col(by_bytes(backend, string_len_null("name_folded", 100)))
        .col(string_len_null("username", 32))
        .col(by_bytes(backend, string_len_null("username_normalized", 32)))
        .col(string_len_null("locale", 35))
        // Objects of JSON, as text: `jsonb` takes no `\u0000`.
        .col(text_null("data"))
        .col(text_null("app_data"))
        .primary_key(&mut ddl::primary_key("auth_profile_pkey", ["user_id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_profile_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        // Decides between two who want one user name.
        ddl::unique(TABLE, "auth_profile_username_normalized_key", ["username_normalized"]),
        ddl::index(TABLE, "auth_profile_name_folded_idx", ["name_folded"]),
    ];
    let mut statements = ddl::create_table(backend, table, indexes);
    if backend == DbBackend::Postgres {
        // The unique index is in the order of the database's language, in which what begins alike does not stand together.
        statements.push(format!(
            r#"CREATE INDEX IF NOT EXISTS "auth_user_email_begins_idx" ON "{USER}" ("email_normalized" COLLATE "C")"#
        ));
    }
    statements
}

fn down(backend: DbBackend) -> Vec<String> {
    let mut statements = ddl::drop_table(backend, TABLE);
    if backend == DbBackend::Postgres {
        statements.push(ddl::drop_index(backend, USER, "auth_user_email_begins_idx"));
    }
    statements
}

/// In the order of its bytes, as it is on the other databases anyway.
fn by_bytes(backend: DbBackend, mut column: ColumnDef) -> ColumnDef {
    if backend == DbBackend::Postgres {
        column.extra(r#"COLLATE "C""#);
    }
    column
}
