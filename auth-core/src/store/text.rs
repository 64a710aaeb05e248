//! Statements of every request: their text is written once, and not each time.

use std::sync::OnceLock;

use sea_orm::{DbBackend, Statement, Value};

/// The text of one statement for each kind of database. To write it takes SeaORM a tenth of the time that a whole request
/// for one's own account does.
pub(super) struct Text {
    postgres: OnceLock<String>,
    mysql: OnceLock<String>,
    sqlite: OnceLock<String>,
}

impl Text {
    pub(super) const fn new() -> Self {
        Self { postgres: OnceLock::new(), mysql: OnceLock::new(), sqlite: OnceLock::new() }
    }

    /// The statement that `write` writes, with these values in the order of its text.
    pub(super) fn with<const N: usize>(
        &self,
        backend: DbBackend,
        values: [Value; N],
        write: impl FnOnce() -> Statement,
    ) -> Statement {
        let text = match backend {
            DbBackend::Postgres => &self.postgres,
            DbBackend::MySql => &self.mysql,
            _ => &self.sqlite,
        };
        Statement::from_sql_and_values(backend, text.get_or_init(|| write().sql), values)
    }
}
