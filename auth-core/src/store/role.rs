//! Statements about roles.

use std::collections::BTreeSet;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
};
use uuid::Uuid;

use super::{
    entity::{user, user_role},
    lease::write_guard,
};
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

/// Whether a user has more than what every user has. With the user's row held it stays so.
pub(crate) async fn has_roles(db: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    let held = user_role::Entity::find().filter(user_role::Column::UserId.eq(id.as_uuid()));
    Ok(held.one(db).await?.is_some())
}

/// Who has this role and may sign in: not disabled, and with a proved address where that is asked for. `None`: this user does not
/// have it. Else the rows of all who do are held until the end of the transaction, so that the last two cannot both leave at
/// once: call it before the user's own row is touched.
pub(crate) async fn lock_able(
    db: &impl ConnectionTrait,
    id: UserId,
    role: &str,
    proved: bool,
) -> Result<Option<Vec<UserId>>, DbErr> {
    if user_role::Entity::find_by_id((id.as_uuid(), role.to_owned())).one(db).await?.is_none() {
        return Ok(None);
    }
    write_guard(db, &format!("role {role}")).await?;
    let holders: Vec<Uuid> = holders(role).lock_exclusive().into_tuple().all(db).await?;
    // A locking read, because under REPEATABLE READ another one would tell of the time before the lock was had.
    let able: Vec<Uuid> = able(holders, proved).lock_exclusive().into_tuple().all(db).await?;
    Ok(Some(able.into_iter().map(UserId::from).collect()))
}

/// Who has this role and is not disabled. Holds nothing.
pub(crate) async fn find_able(db: &impl ConnectionTrait, role: &str) -> Result<Vec<UserId>, DbErr> {
    let holders: Vec<Uuid> = holders(role).into_tuple().all(db).await?;
    let able: Vec<Uuid> = able(holders, false).into_tuple().all(db).await?;
    Ok(able.into_iter().map(UserId::from).collect())
}

fn holders(role: &str) -> Select<user_role::Entity> {
    user_role::Entity::find()
        .select_only()
        .column(user_role::Column::UserId)
        .filter(user_role::Column::Role.eq(role))
        .order_by_asc(user_role::Column::UserId)
}

fn able(holders: Vec<Uuid>, proved: bool) -> Select<user::Entity> {
    let able = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::Id.is_in(holders))
        .filter(user::Column::DisabledAt.is_null())
        .order_by_asc(user::Column::Id);
    if proved { able.filter(user::Column::EmailVerifiedAt.is_not_null()) } else { able }
}
