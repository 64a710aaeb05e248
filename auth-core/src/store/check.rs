//! Statements of a check: they look, and change no row.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter, Statement,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Db, Table,
    entity::{
        deleted_user, event, feed, key, lease, mail, one_time_token, password, session, throttle, user,
        user_role,
    },
};
use crate::{
    StoreError,
    error::{is_busy, is_unreachable},
};

/// The time of the database, in unix milliseconds.
pub(crate) async fn read_clock(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now",
        // Not UNIX_TIMESTAMP, which reads the clock in the zone of the session.
        DbBackend::MySql => {
            "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED) AS now"
        }
        _ => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now",
    };
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?.try_get("", "now")
}

/// The tables of the kernel.
pub(crate) const TABLES: &[Table] = &[
    Table::of::<user::Entity>("auth_user"),
    Table::of::<password::Entity>("auth_password"),
    Table::of::<user_role::Entity>("auth_user_role"),
    Table::of::<session::Entity>("auth_session"),
    Table::of::<one_time_token::Entity>("auth_one_time_token"),
    Table::of::<lease::Entity>("auth_lease"),
    Table::of::<key::Entity>("auth_key"),
    Table::of::<throttle::Entity>("auth_throttle"),
    Table::of::<mail::Entity>("auth_mail"),
    Table::of::<event::Entity>("auth_event"),
    Table::of::<feed::Entity>("auth_feed"),
    Table::of::<deleted_user::Entity>("auth_deleted_user"),
];

/// The tables that are not there, lack a column, or may not be read.
pub(crate) async fn missing_tables(
    db: &Db,
    tables: impl Iterator<Item = Table>,
) -> Result<Vec<&'static str>, DbErr> {
    let mut missing = Vec::new();
    for table in tables {
        if !table.is_there(db).await? {
            missing.push(table.name);
        }
    }
    Ok(missing)
}

/// Why nothing can be written, if that is so: a replica, a file without the right to write, a user without it. Found out by
/// a statement that matches no row, as no session has this id.
pub(crate) async fn not_writable(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let written = session::Entity::update_many()
        .col_expr(session::Column::LastUsedAt, Expr::value(0_i64))
        .filter(session::Column::Id.eq(Uuid::nil()))
        .exec(db)
        .await;
    match written {
        Ok(_) => Ok(None),
        Err(error) if is_unreachable(&error) || is_busy(&error) => Err(error),
        Err(error) => Ok(Some(StoreError::new(error).to_string())),
    }
}

/// Whether this server takes writes at all, which changes under a running service. Not asked of SQLite, where whoever wants to
/// write waits for others and a file seldom changes: there the check tells.
pub(crate) async fn takes_writes(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        return Ok(true);
    }
    not_writable(db).await.map(|why| why.is_none())
}

/// How SQLite keeps what is being written; `None` with another database.
pub(crate) async fn journal_mode(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    match db.get_database_backend() {
        DbBackend::Sqlite => text(db, "PRAGMA journal_mode").await,
        _ => Ok(None),
    }
}

/// By what rule MySQL or MariaDB compares addresses; `None` with another database, which compares their bytes.
pub(crate) async fn address_collation(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    match db.get_database_backend() {
        DbBackend::MySql => {
            let column = "SELECT CAST(collation_name AS CHAR) FROM information_schema.columns \
                WHERE table_schema = DATABASE() AND table_name = 'auth_user' AND column_name = 'email_normalized'";
            text(db, column).await
        }
        _ => Ok(None),
    }
}

async fn text(db: &impl ConnectionTrait, sql: &str) -> Result<Option<String>, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// How many events of this code the audit has since then.
pub(crate) async fn count_events(db: &impl ConnectionTrait, code: &str, since: i64) -> Result<u64, DbErr> {
    event::Entity::find()
        .filter(event::Column::At.gte(since))
        .filter(event::Column::Code.eq(code))
        .count(db)
        .await
}
