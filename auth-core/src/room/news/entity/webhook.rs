//! `auth_webhook`: who is told of events, and how far they have been told.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_webhook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Of one that a setting names. `None`: an administrator has made it.
    pub setting: Option<String>,
    pub url: String,
    /// Codes of events with commas between them. Empty: all.
    pub types: String,
    /// Encrypted. `None`: the setting has it.
    pub secret: Option<Vec<u8>>,
    /// Signs too until its time is over.
    pub secret_before: Option<Vec<u8>>,
    pub secret_before_until: Option<i64>,
    /// The last event of the feed that was handed over.
    pub after_seq: i64,
    /// Of the next one, which failed.
    pub tries: i64,
    pub failing_since: Option<i64>,
    pub next_try_at: i64,
    pub off_at: Option<i64>,
    pub off_reason: Option<String>,
    pub created_at: i64,
}

/// No secrets, not even encrypted ones.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
