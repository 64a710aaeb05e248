//! Which tables keep a row from being deleted.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::db_code::sqlx_error;

/// Those of SQLite, which tells no table: all that refer to a user and neither go along nor let go.
const SQLITE: &str = "SELECT DISTINCT sqlite_master.name AS name FROM sqlite_master \
     JOIN pragma_foreign_key_list(sqlite_master.name) AS reference \
     WHERE sqlite_master.type = 'table' AND lower(reference.\"table\") = 'auth_user' \
     AND reference.on_delete IN ('NO ACTION', 'RESTRICT') ORDER BY sqlite_master.name";

/// The tables whose rows kept a user from being deleted, for a log, with commas between them. `error` is what came of it.
pub(crate) async fn referring_tables(db: &impl ConnectionTrait, error: &DbErr) -> Result<String, DbErr> {
    const UNKNOWN: &str = "unknown";
    if db.get_database_backend() == DbBackend::Sqlite {
        let mut tables: Vec<String> = Vec::new();
        for row in db.query_all_raw(sea_orm::Statement::from_string(DbBackend::Sqlite, SQLITE)).await? {
            tables.push(row.try_get("", "name")?);
        }
        return Ok(if tables.is_empty() { UNKNOWN.to_owned() } else { tables.join(", ") });
    }
    let Some(sqlx::Error::Database(error)) = sqlx_error(error) else { return Ok(UNKNOWN.to_owned()) };
    let named = error.table().or_else(|| in_words(error.message()));
    Ok(named.unwrap_or(UNKNOWN).replace('`', ""))
}

/// MySQL and MariaDB tell it in the message only: "... constraint fails (`app`.`list`, CONSTRAINT ...".
fn in_words(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("fails (")?;
    rest.split_once(", CONSTRAINT").map(|(table, _)| table)
}
