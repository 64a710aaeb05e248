use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait as _, Order, Query, Table};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

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
    pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Self, MigrationError> {
        if !has_table(db).await? {
            return Ok(Self { table_exists: false, applied: Vec::new(), newer: Vec::new() });
        }
        let select =
            Query::select().column("version").from(HISTORY_TABLE).order_by("version", Order::Asc).take();
        let rows = db.query_all(&select).await?;
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

/// Whether the database has the history table. A statement that failed for want of it would end the transaction on PostgreSQL.
async fn has_table(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let backend = db.get_database_backend();
    let select = match backend {
        DbBackend::Sqlite => {
            "SELECT COUNT(*) AS tables FROM sqlite_master WHERE type = 'table' AND name = 'auth_migration'"
        }
        DbBackend::MySql => {
            "SELECT COUNT(*) AS tables FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = 'auth_migration'"
        }
        _ => {
            "SELECT COUNT(*) AS tables FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name = 'auth_migration'"
        }
    };
    let row = db.query_one_raw(Statement::from_string(backend, select)).await?;
    Ok(row.map(|row| row.try_get::<i64>("", "tables")).transpose()?.is_some_and(|tables| tables > 0))
}

/// The statement that makes the history table, in the form in which `sea-orm-migration` has its own.
pub(crate) fn create_table(backend: DbBackend) -> String {
    let mut table = Table::create();
    table
        .table(HISTORY_TABLE)
        .if_not_exists()
        .col(ColumnDef::new("version").string().not_null().primary_key())
        .col(ColumnDef::new("applied_at").big_integer().not_null());
    ddl::sql(backend, &table)
}

/// The statement that forgets a migration which was taken back.
pub(crate) fn forget(backend: DbBackend, migration: &SqlMigration) -> String {
    let delete =
        Query::delete().from_table(HISTORY_TABLE).and_where(Expr::col("version").eq(migration.name)).take();
    ddl::sql(backend, &delete)
}

/// The statement that remembers a migration; the database tells the time, in seconds as `sea-orm-migration` does.
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
