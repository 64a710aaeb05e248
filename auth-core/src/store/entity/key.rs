//! `auth_key`: the key ring.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_key")]
pub struct Model {
    /// One more than the last one's: of two that are added at once, one is refused.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// The `kid` of its tokens.
    pub id: String,
    /// As in the header of a token.
    pub algorithm: String,
    /// Encrypted.
    pub private_key: Vec<u8>,
    /// The id of what it is encrypted under.
    pub wrapped_by: String,
    pub created_at: i64,
    pub active_at: i64,
    pub revoked_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Without the key.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
