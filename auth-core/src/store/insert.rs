//! What becomes of a write under a unique index.

use sea_orm::{DbErr, SqlErr};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insert {
    Done,
    /// Another row has the key. On PostgreSQL the transaction can now only be rolled back.
    Taken,
}

impl Insert {
    pub(crate) fn of<T>(outcome: Result<T, DbErr>) -> Result<Self, DbErr> {
        match outcome {
            Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
                Ok(Self::Taken)
            }
            outcome => outcome.map(|_| Self::Done),
        }
    }

    /// [`Taken`](Self::Taken) also when the row that it belongs to is gone: either way things are no longer as they were read.
    pub(crate) fn of_belonging<T>(outcome: Result<T, DbErr>) -> Result<Self, DbErr> {
        match outcome {
            Err(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => {
                Ok(Self::Taken)
            }
            outcome => Self::of(outcome),
        }
    }
}
