//! The tables of the application, beside those of the accounts in the same database.

use auth_core::{DbErr, UserId};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, Value};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Todo {
    id: i64,
    text: String,
    done: bool,
}

/// After `auth_migration::up`: both refer to an account, and go with it.
pub(crate) async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    for table in [
        "CREATE TABLE IF NOT EXISTS person (
            user_id BLOB PRIMARY KEY REFERENCES auth_user (id) ON DELETE CASCADE,
            name TEXT NOT NULL
        )",
        "CREATE TABLE IF NOT EXISTS todo (
            id INTEGER PRIMARY KEY,
            user_id BLOB NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
            text TEXT NOT NULL,
            done BOOLEAN NOT NULL DEFAULT FALSE
        )",
        "CREATE INDEX IF NOT EXISTS todo_user_id ON todo (user_id)",
    ] {
        db.execute_unprepared(table).await?;
    }
    Ok(())
}

fn sql(text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, text, values)
}

pub(crate) async fn add_person(db: &impl ConnectionTrait, user: UserId, name: &str) -> Result<(), DbErr> {
    let insert = "INSERT INTO person (user_id, name) VALUES (?, ?)";
    db.execute_raw(sql(insert, [user.as_uuid().into(), name.into()])).await.map(drop)
}

pub(crate) async fn name(db: &DatabaseConnection, user: UserId) -> Result<Option<String>, DbErr> {
    let select = "SELECT name FROM person WHERE user_id = ?";
    let row = db.query_one_raw(sql(select, [user.as_uuid().into()])).await?;
    row.map(|row| row.try_get("", "name")).transpose()
}

pub(crate) async fn add(db: &DatabaseConnection, user: UserId, text: &str) -> Result<(), DbErr> {
    let insert = "INSERT INTO todo (user_id, text) VALUES (?, ?)";
    db.execute_raw(sql(insert, [user.as_uuid().into(), text.into()])).await.map(drop)
}

pub(crate) async fn todos(db: &DatabaseConnection, user: UserId) -> Result<Vec<Todo>, DbErr> {
    let select = "SELECT id, text, done FROM todo WHERE user_id = ? ORDER BY id";
    let rows = db.query_all_raw(sql(select, [user.as_uuid().into()])).await?;
    let todo = |row: &sea_orm::QueryResult| {
        Ok(Todo {
            id: row.try_get("", "id")?,
            text: row.try_get("", "text")?,
            done: row.try_get("", "done")?,
        })
    };
    rows.iter().map(todo).collect()
}

/// `false`: there is no such thing on their list.
pub(crate) async fn done(db: &DatabaseConnection, user: UserId, id: i64) -> Result<bool, DbErr> {
    let update = "UPDATE todo SET done = TRUE WHERE id = ? AND user_id = ?";
    let updated = db.execute_raw(sql(update, [id.into(), user.as_uuid().into()])).await?;
    Ok(updated.rows_affected() == 1)
}

/// Everybody, with how much they have to do.
pub(crate) async fn people(db: &DatabaseConnection) -> Result<Vec<(String, i64)>, DbErr> {
    let select = "SELECT person.name, COUNT(todo.id) AS todos FROM person
        LEFT JOIN todo ON todo.user_id = person.user_id AND NOT todo.done
        GROUP BY person.user_id ORDER BY person.name";
    let rows = db.query_all_raw(sql(select, [])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "todos")?))).collect()
}
