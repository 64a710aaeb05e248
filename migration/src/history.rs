use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Schema};
use sea_orm_migration::seaql_migrations;

use crate::MigrationError;
use crate::compatible::is_breaking;
use crate::ddl;
use crate::migrator::{MIGRATIONS, SqlMigration};

/// The table that remembers which migrations were applied.
pub(crate) const HISTORY_TABLE: &str = "auth_migration";

/// What the history table says. Reading it changes nothing and needs no right but `SELECT`.
pub(crate) struct History {
    pub(crate) table_exists: bool,
    applied: Vec<String>,
    /// Applied by a newer version, and no hindrance to this one.
    newer: Vec<String>,
}

impl History {
    /// Reads the history; a database without the table has an empty one.
    pub(crate) async fn read<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Self, MigrationError> {
        let manager = SchemaManager::new(db);
        if !manager.has_table(HISTORY_TABLE).await? {
            return Ok(Self { table_exists: false, applied: Vec::new(), newer: Vec::new() });
        }
        let select =
            Query::select().column("version").from(HISTORY_TABLE).order_by("version", Order::Asc).take();
        let rows = manager.get_connection().query_all(&select).await?;
        let applied =
            rows.iter().map(|row| row.try_get("", "version")).collect::<Result<Vec<String>, _>>()?;

        let is_known = |name: &String| MIGRATIONS.iter().any(|known| known.name == *name);
        let (applied, newer): (Vec<_>, Vec<_>) = applied.into_iter().partition(is_known);
        // A newer version applies all that this one has before its own. Where some of it is missing, it is no newer
        // version of this program, and nobody can tell what else is different.
        let is_newer = applied.len() == MIGRATIONS.len();
        if !newer.is_empty() && (!is_newer || newer.iter().any(|name| is_breaking(name))) {
            return Err(MigrationError::NewerSchema { unknown: newer });
        }
        Ok(Self { table_exists: true, applied, newer })
    }

    /// Which migrations a newer version has added that this one can live with.
    pub(crate) fn newer(&self) -> &[String] {
        &self.newer
    }

    pub(crate) fn has(&self, migration: &SqlMigration) -> bool {
        self.applied.iter().any(|name| name == migration.name)
    }

    /// What is still to be applied, in order.
    pub(crate) fn pending(&self) -> Vec<SqlMigration> {
        MIGRATIONS.into_iter().filter(|migration| !self.has(migration)).collect()
    }

    /// What was applied, latest first.
    pub(crate) fn newest_first(&self) -> Vec<SqlMigration> {
        MIGRATIONS.into_iter().rev().filter(|migration| self.has(migration)).collect()
    }
}

/// The statement with which `sea-orm-migration` makes the history table.
pub(crate) fn create_table(backend: DbBackend) -> String {
    let mut table = Schema::new(backend).create_table_from_entity(seaql_migrations::Entity);
    ddl::sql(backend, table.table(HISTORY_TABLE).if_not_exists())
}

/// The statement that remembers a migration which somebody ran by hand; the database tells the time, in
/// seconds as `sea-orm-migration` does.
pub(crate) fn record(backend: DbBackend, migration: &SqlMigration) -> Result<String, DbErr> {
    let now = match backend {
        DbBackend::Postgres => "CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) AS BIGINT)",
        DbBackend::MySql => "UNIX_TIMESTAMP()",
        DbBackend::Sqlite => "CAST(strftime('%s', 'now') AS INTEGER)",
        other => return Err(DbErr::BackendNotSupported { db: other.as_str(), ctx: "plan" }),
    };
    let mut insert = Query::insert();
    insert.into_table(HISTORY_TABLE).columns(["version", "applied_at"]);
    insert
        .values([migration.name.into(), Expr::cust(now)])
        .map_err(|error| DbErr::Migration(error.to_string()))?;
    Ok(ddl::sql(backend, &insert))
}
