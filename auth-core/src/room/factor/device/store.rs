//! Statements about remembered devices.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select, sea_query::Expr,
};
use uuid::Uuid;

use crate::{UserId, room::factor::entity::device};

pub(super) struct NewDevice {
    pub(super) id: Uuid,
    pub(super) user: UserId,
    pub(super) token_id: Uuid,
    pub(super) epoch: i64,
    pub(super) name: Option<String>,
    pub(super) now: i64,
}

pub(super) async fn insert_device(db: &impl ConnectionTrait, new: NewDevice) -> Result<(), DbErr> {
    let row = device::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.user.as_uuid()),
        token_id: Set(new.token_id),
        epoch: Set(new.epoch),
        name: Set(new.name),
        created_at: Set(new.now),
        last_used_at: Set(new.now),
    };
    device::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Those of a user that are good still: remembered after `since`, in this epoch.
fn good(user: UserId, epoch: i64, since: i64) -> Select<device::Entity> {
    device::Entity::find()
        .filter(device::Column::UserId.eq(user.as_uuid()))
        .filter(device::Column::Epoch.eq(epoch))
        .filter(device::Column::CreatedAt.gt(since))
}

/// The last used first.
pub(super) async fn list_devices(
    db: &impl ConnectionTrait,
    user: UserId,
    epoch: i64,
    since: i64,
) -> Result<Vec<device::Model>, DbErr> {
    good(user, epoch, since)
        .order_by_desc(device::Column::LastUsedAt)
        .order_by_desc(device::Column::Id)
        .all(db)
        .await
}

/// Which device a cookie names.
pub(super) async fn find_device(
    db: &impl ConnectionTrait,
    user: UserId,
    epoch: i64,
    since: i64,
    token_id: Uuid,
) -> Result<Option<Uuid>, DbErr> {
    let named = good(user, epoch, since).filter(device::Column::TokenId.eq(token_id));
    named.select_only().column(device::Column::Id).into_tuple().one(db).await
}

pub(super) async fn is_good_device(
    db: &impl ConnectionTrait,
    user: UserId,
    epoch: i64,
    since: i64,
    id: Uuid,
) -> Result<bool, DbErr> {
    let found = good(user, epoch, since).filter(device::Column::Id.eq(id));
    let found: Option<Uuid> = found.select_only().column(device::Column::Id).into_tuple().one(db).await?;
    Ok(found.is_some())
}

/// Gives the device another name for its cookie. Of two who show the same cookie one gets `true`.
pub(super) async fn use_device(
    db: &impl ConnectionTrait,
    id: Uuid,
    (from, to): (Uuid, Uuid),
    now: i64,
) -> Result<bool, DbErr> {
    let updated = device::Entity::update_many()
        .col_expr(device::Column::TokenId, Expr::value(to))
        .col_expr(device::Column::LastUsedAt, Expr::value(now))
        .filter(device::Column::Id.eq(id))
        .filter(device::Column::TokenId.eq(from))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Leaves room for one more: what was remembered of the browser before goes, and of too many those that were used the longest
/// ago. Run it in a transaction.
pub(super) async fn make_room(
    db: &impl ConnectionTrait,
    user: UserId,
    shown: Option<Uuid>,
    most: u64,
) -> Result<(), DbErr> {
    let own = || device::Entity::delete_many().filter(device::Column::UserId.eq(user.as_uuid()));
    if let Some(token_id) = shown {
        own().filter(device::Column::TokenId.eq(token_id)).exec(db).await?;
    }
    // By ids read before: MySQL cannot read the table it deletes from.
    let beyond: Vec<Uuid> = device::Entity::find()
        .select_only()
        .column(device::Column::Id)
        .filter(device::Column::UserId.eq(user.as_uuid()))
        .order_by_desc(device::Column::LastUsedAt)
        .offset(most.saturating_sub(1))
        .limit(most)
        .into_tuple()
        .all(db)
        .await?;
    if !beyond.is_empty() {
        own().filter(device::Column::Id.is_in(beyond)).exec(db).await?;
    }
    Ok(())
}

/// One of a user, or all. `true`: there was one.
pub(super) async fn remove_devices(
    db: &impl ConnectionTrait,
    user: UserId,
    id: Option<Uuid>,
) -> Result<bool, DbErr> {
    let mut remove = device::Entity::delete_many().filter(device::Column::UserId.eq(user.as_uuid()));
    if let Some(id) = id {
        remove = remove.filter(device::Column::Id.eq(id));
    }
    Ok(remove.exec(db).await?.rows_affected > 0)
}
