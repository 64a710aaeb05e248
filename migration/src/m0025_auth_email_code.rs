use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, big_integer_null, string_len, text_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_email_code";

/// Sign-ins by e-mail that are under way: each has one code and one link, and its row goes when either is used.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0025_auth_email_code", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        .col(ddl::uuid(backend, "id"))
        // Null: nobody had the address when it was asked for.
        .col(ddl::uuid_null(backend, "user_id"))
        // The user's then: whatever ends the sessions ends this.
        .col(big_integer_null("epoch"))
        .col(string_len("email", 254))
        // The row's share in the code, in the link and in the cookie; none of them is stored.
        .col(ddl::seed(backend))
        // Codes that were tried.
        .col(big_integer("tries"))
        .col(text_null("redirect_to"))
        // When it was this mail's turn; null: not yet.
        .col(big_integer_null("mailed_at"))
        .col(big_integer("created_at"))
        .col(big_integer("expires_at"))
        .primary_key(&mut ddl::primary_key("auth_email_code_pkey", ["id"]))
        .foreign_key(&mut ddl::belongs_to_user(TABLE, "auth_email_code_user_id_fkey"))
        .to_owned();
    let indexes = vec![
        ddl::index(TABLE, "auth_email_code_user_id_idx", ["user_id"]),
        ddl::index(TABLE, "auth_email_code_expires_at_idx", ["expires_at"]),
    ];
    ddl::create_table(backend, table, indexes)
}
