//! What the tables have in common, and where the databases differ.

use sea_orm::sea_query::{
    ColumnDef, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index, IndexCreateStatement, Table,
    TableCreateStatement,
};
use sea_orm::{DbBackend, StatementBuilder};

/// The statements that make a table and its indexes, each of which may be run again.
///
/// MySQL commits each statement by itself and knows no `CREATE INDEX IF NOT EXISTS`: there the indexes are
/// part of the one `CREATE TABLE`, which either happened or did not.
pub(crate) fn create_table(
    backend: DbBackend,
    mut table: TableCreateStatement,
    mut indexes: Vec<IndexCreateStatement>,
) -> Vec<String> {
    table.if_not_exists();
    if backend == DbBackend::MySql {
        // Binary collation, so that strings compare as they do on the other databases: the default ones find
        // `jose@` for `josé@`, and `ADMIN` for `admin`.
        table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
        for index in &mut indexes {
            table.index(index);
        }
        return vec![sql(backend, &table)];
    }
    let mut statements = vec![sql(backend, &table)];
    statements.extend(indexes.iter_mut().map(|index| sql(backend, index.if_not_exists())));
    statements
}

pub(crate) fn drop_table(backend: DbBackend, table: &'static str) -> Vec<String> {
    vec![sql(backend, Table::drop().table(table).if_exists())]
}

/// A column that an older program need not fill.
pub(crate) fn add_column(backend: DbBackend, table: &'static str, column: ColumnDef) -> String {
    let mut alter = Table::alter();
    alter.table(table);
    if backend == DbBackend::Postgres {
        alter.add_column_if_not_exists(column);
    } else {
        alter.add_column(column);
    }
    sql(backend, &alter)
}

/// An index on a table that is there.
pub(crate) fn add_index(backend: DbBackend, mut index: IndexCreateStatement) -> String {
    if backend != DbBackend::MySql {
        index.if_not_exists();
    }
    sql(backend, &index)
}

/// Drops an index that may be gone already.
pub(crate) fn drop_index(backend: DbBackend, table: &'static str, name: &str) -> String {
    let mut drop = Index::drop();
    drop.name(name).table(table);
    if backend != DbBackend::MySql {
        drop.if_exists();
    }
    sql(backend, &drop)
}

pub(crate) fn sql(backend: DbBackend, statement: &impl StatementBuilder) -> String {
    backend.build(statement).to_string()
}

/// Not null, like each without `_null` in its name.
pub(crate) fn big_integer(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

pub(crate) fn big_integer_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().take()
}

pub(crate) fn string_len(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length).not_null().take()
}

pub(crate) fn string_len_null(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length).null().take()
}

pub(crate) fn text_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().null().take()
}

pub(crate) fn boolean(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

pub(crate) fn blob(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

pub(crate) fn blob_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().null().take()
}

/// A UUID column, not null: `uuid`, `binary(16)`, or `blob` on SQLite, whose driver stores the sixteen bytes.
pub(crate) fn uuid(backend: DbBackend, name: &'static str) -> ColumnDef {
    let mut column = uuid_null(backend, name);
    column.not_null();
    column
}

pub(crate) fn uuid_null(backend: DbBackend, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    if backend == DbBackend::Sqlite {
        column.blob()
    } else {
        column.uuid()
    };
    column
}

/// Thirty-two random bytes, not null: `bytea`, `binary(32)`, or `blob` on SQLite.
pub(crate) fn seed(backend: DbBackend) -> ColumnDef {
    let mut column = seed_null(backend, "seed");
    column.not_null();
    column
}

/// A SHA-256, not null, in the same form.
pub(crate) fn digest(backend: DbBackend, name: &'static str) -> ColumnDef {
    let mut column = seed_null(backend, name);
    column.not_null();
    column
}

pub(crate) fn seed_null(backend: DbBackend, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    if backend == DbBackend::Sqlite {
        column.blob()
    } else {
        column.binary_len(32)
    };
    column
}

pub(crate) fn primary_key<const N: usize>(name: &str, columns: [&'static str; N]) -> IndexCreateStatement {
    let mut key = index("", name, columns);
    key.primary();
    key
}

pub(crate) fn unique<const N: usize>(
    table: &'static str,
    name: &str,
    columns: [&'static str; N],
) -> IndexCreateStatement {
    let mut index = index(table, name, columns);
    index.unique();
    index
}

pub(crate) fn index<const N: usize>(
    table: &'static str,
    name: &str,
    columns: [&'static str; N],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column);
    }
    index
}

/// `user_id` of `table` points to a user and goes with them.
pub(crate) fn belongs_to_user(table: &'static str, name: &str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(name)
        .from(table, "user_id")
        .to("auth_user", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
