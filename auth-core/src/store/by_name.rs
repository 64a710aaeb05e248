//! Statements about tables that a room gives as data, by their names.

use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, ExprTrait, Order, QueryResult, QuerySelect,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::Db;
use crate::{
    UserId,
    clock::from_millis,
    error::{is_busy, is_unreachable},
    task::BoxFuture,
};

/// Small, so that no batch holds locks for long.
pub(super) const BATCH: u64 = 500;

/// A table that has to be there.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    is_there: for<'a> fn(&'a Db) -> BoxFuture<'a, Result<bool, DbErr>>,
}

impl Table {
    pub(crate) const fn of<E: EntityTrait>(name: &'static str) -> Self {
        Self { name, is_there: |db| Box::pin(is_there::<E>(db)) }
    }

    /// `false`: it is not there, lacks a column, or may not be read.
    pub(crate) async fn is_there(self, db: &Db) -> Result<bool, DbErr> {
        (self.is_there)(db).await
    }
}

/// Asks for every column, and for no row.
async fn is_there<E: EntityTrait>(db: &Db) -> Result<bool, DbErr> {
    match E::find().limit(0).all(db).await {
        Ok(_) => Ok(true),
        Err(error) if is_unreachable(&error) || is_busy(&error) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Removes the rows of a table whose time was before `over`, in batches. Returns how many.
pub(crate) async fn sweep(
    db: &impl ConnectionTrait,
    table: &'static str,
    id: &'static str,
    at: &'static str,
    over: i64,
) -> Result<u64, DbErr> {
    let dead = || Expr::col(at).lt(over);
    let mut removed = 0;
    loop {
        let find = Query::select().column(id).from(table).and_where(dead()).limit(BATCH).take();
        let rows = db.query_all(&find).await?;
        let ids = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<Uuid>, _>>()?;
        let found = ids.len() as u64;
        if found > 0 {
            // Once more, because the row may have changed since.
            let delete = Query::delete()
                .from_table(table)
                .and_where(Expr::col(id).is_in(ids))
                .and_where(dead())
                .take();
            removed += db.execute(&delete).await?.rows_affected();
        }
        if found < BATCH {
            return Ok(removed);
        }
    }
}

/// Whether a table has a row whose time was before `over`.
pub(crate) async fn is_overdue(
    db: &impl ConnectionTrait,
    table: &'static str,
    at: &'static str,
    over: i64,
) -> Result<bool, DbErr> {
    let find = Query::select().column(at).from(table).and_where(Expr::col(at).lt(over)).limit(1).take();
    Ok(db.query_one(&find).await?.is_some())
}

/// Whether a table has a row that belongs to a user.
pub(crate) async fn has_rows(
    db: &impl ConnectionTrait,
    table: &'static str,
    column: &'static str,
    user: UserId,
) -> Result<bool, DbErr> {
    let of_user = Expr::col(column).eq(user.as_uuid());
    let select = Query::select().column(column).from(table).and_where(of_user).limit(1).take();
    Ok(db.query_one(&select).await?.is_some())
}

/// What the rows of a table that belong to a user are called, by a column of text; without one each is called nothing.
pub(crate) async fn names_of_user(
    db: &impl ConnectionTrait,
    table: &'static str,
    column: &'static str,
    user: UserId,
    named: Option<&'static str>,
) -> Result<Vec<Option<String>>, DbErr> {
    let mut find = Query::select();
    find.column(named.unwrap_or(column)).from(table).and_where(Expr::col(column).eq(user.as_uuid()));
    let rows = db.query_all(&find).await?;
    rows.iter().map(|row| named.map(|_| row.try_get_by_index(0)).transpose()).collect()
}

/// Removes the rows of a table that belong to a user.
pub(crate) async fn remove_of_user(
    db: &impl ConnectionTrait,
    table: &'static str,
    column: &'static str,
    user: UserId,
) -> Result<(), DbErr> {
    let of_user = Expr::col(column).eq(user.as_uuid());
    db.execute(&Query::delete().from_table(table).and_where(of_user).take()).await.map(drop)
}

/// The columns of a table that belong into a person's export. Secrets are none of them.
#[derive(Clone, Copy)]
pub(crate) struct Exported {
    /// The member of the export.
    pub(crate) member: &'static str,
    pub(crate) table: &'static str,
    /// Which column says whose a row is.
    pub(crate) user: &'static str,
    /// Rows come in the order of the first.
    pub(crate) columns: &'static [(&'static str, ColumnKind)],
}

/// How to read a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Id,
    Text,
    /// Unix milliseconds.
    Time,
}

/// A row of a table, as pairs of column and value.
pub type ExportedRow = Vec<(&'static str, ExportedValue)>;

/// A value of a person's export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportedValue {
    /// Nothing is stored there.
    Nothing,
    /// An id.
    Id(Uuid),
    /// A text.
    Text(String),
    /// A moment.
    Time(std::time::SystemTime),
}

/// A user's rows of a table, in the order of its first column.
pub(crate) async fn export_rows(
    db: &impl ConnectionTrait,
    exported: &Exported,
    user: UserId,
) -> Result<Vec<ExportedRow>, DbErr> {
    let names = exported.columns.iter().map(|(name, _)| *name);
    let mut select = Query::select();
    select.columns(names.clone()).from(exported.table);
    select.and_where(Expr::col(exported.user).eq(user.as_uuid()));
    if let Some(first) = names.clone().next() {
        select.order_by(first, Order::Asc);
    }
    let rows = db.query_all(&select).await?;
    let read = |row: &QueryResult| {
        let values = exported.columns.iter().map(|(name, kind)| Ok((*name, value(row, name, *kind)?)));
        values.collect::<Result<_, DbErr>>()
    };
    rows.iter().map(read).collect()
}

fn value(row: &QueryResult, name: &str, kind: ColumnKind) -> Result<ExportedValue, DbErr> {
    let value = match kind {
        ColumnKind::Id => row.try_get::<Option<Uuid>>("", name)?.map(ExportedValue::Id),
        ColumnKind::Text => row.try_get::<Option<String>>("", name)?.map(ExportedValue::Text),
        ColumnKind::Time => row.try_get::<Option<i64>>("", name)?.map(from_millis).map(ExportedValue::Time),
    };
    Ok(value.unwrap_or(ExportedValue::Nothing))
}
