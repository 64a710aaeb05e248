use sea_orm::sea_query::Table;

use crate::ddl::{self, big_integer_null};
use crate::migrator::SqlMigration;

const TABLE: &str = "auth_session";

/// When somebody in this session last showed who they are: at the sign-in, or since then by a step-up.
pub(crate) const MIGRATION: SqlMigration = SqlMigration {
    name: "m0014_auth_session_auth_time",
    // Null in the row of a program that does not know the column: it was at the sign-in.
    up: |backend| vec![ddl::add_column(backend, TABLE, big_integer_null("auth_time"))],
    down: |backend| vec![ddl::sql(backend, Table::alter().table(TABLE).drop_column("auth_time"))],
};
