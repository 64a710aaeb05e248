use sea_orm::DbBackend;
use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer, string_len, string_len_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_mail";

/// The outbox: mails that are to be sent. A row goes when its mail has left.
pub(crate) const MIGRATION: SqlMigration =
    SqlMigration { name: "m0009_auth_mail", up, down: |backend| ddl::drop_table(backend, TABLE) };

fn up(backend: DbBackend) -> Vec<String> {
    let table = Table::create()
        .table(TABLE)
        // Of the mail, and of the one-time token in it, which is made when the mail is sent.
        .col(ddl::uuid(backend, "id"))
        .col(string_len("kind", 32))
        // No key to the user: a mail may tell that the account is gone, or go to an address that has none.
        .col(string_len("recipient", 254))
        .col(ddl::uuid_null(backend, "user_id"))
        .col(string_len_null("detail", 512))
        .col(big_integer("attempts").default(0))
        .col(big_integer("created_at"))
        // Whoever moves it forward is the one who sends.
        .col(big_integer("next_try_at"))
        .primary_key(&mut ddl::primary_key("auth_mail_pkey", ["id"]))
        .to_owned();
    ddl::create_table(backend, table, vec![ddl::index(TABLE, "auth_mail_next_try_at_idx", ["next_try_at"])])
}
