//! Statements about roles.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
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
    roles: &BTreeSet<String>,
) -> Result<(), DbErr> {
    let held = user_role::Entity::find().filter(user_role::Column::UserId.eq(id.as_uuid())).all(db).await?;
    let held: BTreeSet<String> = held.into_iter().map(|row| row.role).collect();
    for role in held.difference(roles) {
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

/// Whether a user has more than what every user has. A locking read, as below: called with the user's row held it tells of
/// this moment.
pub(crate) async fn has_roles(db: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    let held = user_role::Entity::find().filter(user_role::Column::UserId.eq(id.as_uuid())).lock_exclusive();
    Ok(held.one(db).await?.is_some())
}

/// Whether nobody else who may sign in has this role. If this user has it, the rows of all who do are held until the end of
/// the transaction, so that the last two cannot both leave at once: call it before the user's own row is touched.
pub(crate) async fn is_last_with_role(
    db: &impl ConnectionTrait,
    id: UserId,
    role: &str,
) -> Result<bool, DbErr> {
    if user_role::Entity::find_by_id((id.as_uuid(), role.to_owned())).one(db).await?.is_none() {
        return Ok(false);
    }
    let holders: Vec<Uuid> = user_role::Entity::find()
        .select_only()
        .column(user_role::Column::UserId)
        .filter(user_role::Column::Role.eq(role))
        .order_by_asc(user_role::Column::UserId)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    // A locking read, because under REPEATABLE READ another one would tell of the time before the lock was had.
    let able: Vec<Uuid> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Id.is_in(holders))
        .filter(user::Column::DisabledAt.is_null())
        .order_by_asc(user::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(db)
        .await?;
    Ok(able == [id.as_uuid()])
}
