//! Statements about roles.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait,
};
use uuid::Uuid;

use super::entity::{user, user_role};
use crate::UserId;

/// Replaces the stored roles; run it in a transaction that holds the user's row. Only the difference is written,
/// each row by its whole key: a DELETE of all of a user's rows locks the gaps around them on MariaDB and MySQL, and
/// two users' changes then wait for each other.
pub(crate) async fn set_roles(
    db: &impl ConnectionTrait,
    id: UserId,
    roles: BTreeSet<String>,
) -> Result<(), DbErr> {
    let held = user_role::Entity::find().filter(user_role::Column::UserId.eq(id.as_uuid())).all(db).await?;
    let held: BTreeSet<String> = held.into_iter().map(|row| row.role).collect();
    for role in held.difference(&roles) {
        user_role::Entity::delete_by_id((id.as_uuid(), role.clone())).exec(db).await?;
    }
    let new: Vec<_> = roles
        .difference(&held)
        .map(|role| user_role::ActiveModel { user_id: Set(id.as_uuid()), role: Set(role.clone()) })
        .collect();
    if !new.is_empty() {
        user_role::Entity::insert_many(new).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Whether nobody else who may sign in has this role. Holds the rows of all who have it until the end of the transaction,
/// so that the last two cannot both leave at once.
pub(crate) async fn is_last_with_role(
    db: &impl ConnectionTrait,
    id: UserId,
    role: &str,
) -> Result<bool, DbErr> {
    let holders: Vec<(Uuid, Option<i64>)> = user_role::Entity::find()
        .select_only()
        .column(user_role::Column::UserId)
        .column(user::Column::DisabledAt)
        .join(JoinType::InnerJoin, user::Relation::Role.def().rev())
        .filter(user_role::Column::Role.eq(role))
        .order_by_asc(user_role::Column::UserId)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    let mut able =
        holders.into_iter().filter(|(_, disabled_at)| disabled_at.is_none()).map(|(holder, _)| holder);
    Ok(able.next() == Some(id.as_uuid()) && able.next().is_none())
}
