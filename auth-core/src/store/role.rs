//! Statements about roles.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QuerySelect,
    RelationTrait, sea_query::OnConflict,
};
use uuid::Uuid;

use super::entity::{lease, user, user_role};
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

/// Whether nobody else who may sign in has this role. Whoever asks holds the answer until the end of the transaction, so
/// that the last two cannot both leave at once; ask before any other row is held. A row of its own is held for that: those
/// of the role would lock the gaps between them on MariaDB and MySQL, where others want to insert.
pub(crate) async fn is_last_with_role(
    db: &impl ConnectionTrait,
    id: UserId,
    role: &str,
) -> Result<bool, DbErr> {
    hold(db, role).await?;
    let able: Vec<Uuid> = user_role::Entity::find()
        .select_only()
        .column(user_role::Column::UserId)
        .join(JoinType::InnerJoin, user::Relation::Role.def().rev())
        .filter(user_role::Column::Role.eq(role))
        .filter(user::Column::DisabledAt.is_null())
        .limit(2)
        .into_tuple()
        .all(db)
        .await?;
    Ok(able == [id.as_uuid()])
}

/// One at a time, until the end of the transaction.
async fn hold(db: &impl ConnectionTrait, role: &str) -> Result<(), DbErr> {
    let row =
        lease::ActiveModel { job: Set(format!("role {role}")), holder: Set(Uuid::nil()), expires_at: Set(0) };
    let held = OnConflict::column(lease::Column::Job).update_column(lease::Column::Holder).to_owned();
    lease::Entity::insert(row).on_conflict(held).exec_without_returning(db).await.map(drop)
}
