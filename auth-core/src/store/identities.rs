//! Statements about all the identities of a user.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::entity::identity;
use crate::UserId;

/// An identity as its owner sees it.
#[derive(FromQueryResult)]
pub(crate) struct ListedIdentity {
    pub(crate) id: Uuid,
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) email: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

/// The oldest first.
pub(crate) async fn list_identities(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<ListedIdentity>, DbErr> {
    identity::Entity::find()
        .filter(identity::Column::UserId.eq(user.as_uuid()))
        .order_by_asc(identity::Column::CreatedAt)
        .order_by_asc(identity::Column::Id)
        .into_model::<ListedIdentity>()
        .all(db)
        .await
}
