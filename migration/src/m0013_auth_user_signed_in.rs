use sea_orm::DbBackend;
use sea_orm::sea_query::{Index, Table};

use crate::ddl::{self, big_integer_null, string_len_null};
use crate::migrator::SqlMigration;

const USER: &str = "auth_user";
const EVENT: &str = "auth_event";
const INDEX: &str = "auth_user_signed_in_at_idx";

/// Whether somebody ever signed in, and what their known devices hang on; who acts where nobody is signed in, and whom it was
/// about where nobody has the address.
pub(crate) const MIGRATION: SqlMigration = SqlMigration { name: "m0013_auth_user_signed_in", up, down };

fn up(backend: DbBackend) -> Vec<String> {
    vec![
        // Null until the first sign-in. 0: not known. So it is for each row from before, and for those that a program makes
        // which does not know the column.
        ddl::add_column(backend, USER, big_integer_null("signed_in_at").default(0).take()),
        // Null until then, too.
        ddl::add_column(backend, USER, ddl::seed_null(backend, "device_seed")),
        // Not the id of a user: the command line, and whose account of the system it was run by.
        ddl::add_column(backend, EVENT, string_len_null("actor_name", 64)),
        // A keyed hash, with which what was tried at one address is found.
        ddl::add_column(backend, EVENT, ddl::uuid_null(backend, "address")),
        ddl::add_index(backend, ddl::index(USER, INDEX, ["signed_in_at", "created_at"])),
    ]
}

fn down(backend: DbBackend) -> Vec<String> {
    let mut index = Index::drop();
    index.name(INDEX).table(USER);
    let drop = |table, column| ddl::sql(backend, Table::alter().table(table).drop_column(column));
    vec![
        ddl::sql(backend, &index),
        drop(EVENT, "address"),
        drop(EVENT, "actor_name"),
        drop(USER, "device_seed"),
        drop(USER, "signed_in_at"),
    ]
}
