use sea_orm::DbErr;

/// Why the schema could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// The database holds migrations that this program does not know and cannot live with: one whose name ends in
    /// `_breaking`, or any while one that this program has is missing. From [`down`](crate::down) any at all. Nothing was
    /// changed.
    #[error(
        "the database has been migrated by a newer version of this program (unknown migration: {}); \
         run the newer version",
        unknown.join(", ")
    )]
    NewerSchema {
        /// The names found in the history table that this version does not have.
        unknown: Vec<String>,
    },

    /// Another instance held the migration lock for longer than this one was ready to wait (60 s; on SQLite
    /// the `busy_timeout` of the connection).
    #[error("another instance has held the migration lock for too long")]
    LockTimeout,

    /// The work ended before it was done: it panicked, or its runtime was shut down.
    #[error("the migration was interrupted")]
    Interrupted,

    /// The database refused a statement or could not be reached; the source says what happened.
    #[error("the database refused the migration or could not be reached")]
    Database(#[from] DbErr),
}
