//! Every statement about webhooks and their deliveries.

use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::entity::{delivery, webhook};
pub(super) use super::entity::{delivery::Model as DeliveryRow, webhook::Model as WebhookRow};
use crate::store::{ConnectionTrait, Insert};

/// Why one is off that somebody has switched off.
const BY_HAND: &str = "by_hand";

/// How a webhook stands after a try.
pub(super) struct Standing {
    pub(super) after_seq: i64,
    pub(super) tries: i64,
    pub(super) failing_since: Option<i64>,
    pub(super) next_try_at: i64,
    /// When it was switched off, and why.
    pub(super) off: Option<(i64, &'static str)>,
}

/// `Taken`: another instance has made the row of this setting.
pub(super) async fn insert_webhook(db: &impl ConnectionTrait, row: WebhookRow) -> Result<Insert, DbErr> {
    Insert::of(webhook::Entity::insert(row.into_active_model()).exec_without_returning(db).await)
}

pub(super) async fn find_webhook(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<WebhookRow>, DbErr> {
    webhook::Entity::find_by_id(id).one(db).await
}

/// All of them, the oldest first: a handful of rows.
pub(super) async fn list_webhooks(db: &impl ConnectionTrait) -> Result<Vec<WebhookRow>, DbErr> {
    webhook::Entity::find().order_by_asc(webhook::Column::Id).all(db).await
}

pub(super) async fn count_webhooks(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    webhook::Entity::find().count(db).await
}

/// The lowest place up to which one that is on has been told. `None`: none is on.
pub(super) async fn least_place(db: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
    let least = webhook::Entity::find()
        .select_only()
        .column(webhook::Column::AfterSeq)
        .filter(webhook::Column::OffAt.is_null())
        .order_by_asc(webhook::Column::AfterSeq);
    least.into_tuple().one(db).await
}

/// Writes down how it stands after a try, if it is as it was read. `false`: it was changed, switched off or removed since.
pub(super) async fn stand(
    db: &impl ConnectionTrait,
    seen: &WebhookRow,
    now: &Standing,
) -> Result<bool, DbErr> {
    let updated = webhook::Entity::update_many()
        .col_expr(webhook::Column::AfterSeq, Expr::value(now.after_seq))
        .col_expr(webhook::Column::Tries, Expr::value(now.tries))
        .col_expr(webhook::Column::FailingSince, Expr::value(now.failing_since))
        .col_expr(webhook::Column::NextTryAt, Expr::value(now.next_try_at))
        .col_expr(webhook::Column::OffAt, Expr::value(now.off.map(|(at, _)| at)))
        .col_expr(webhook::Column::OffReason, Expr::value(now.off.map(|(_, reason)| reason)))
        .filter(webhook::Column::Id.eq(seen.id))
        .filter(webhook::Column::AfterSeq.eq(seen.after_seq))
        .filter(webhook::Column::Tries.eq(seen.tries))
        // What went to another address has not arrived at this one, and what was passed over may be wanted now.
        .filter(webhook::Column::Url.eq(&seen.url))
        .filter(webhook::Column::Types.eq(&seen.types))
        .filter(webhook::Column::OffAt.is_null())
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Begins anew after a place, on and without failures. `false`: it is gone.
pub(super) async fn restart(db: &impl ConnectionTrait, id: Uuid, after: Option<i64>) -> Result<bool, DbErr> {
    let mut update = webhook::Entity::update_many()
        .col_expr(webhook::Column::Tries, Expr::value(0_i64))
        .col_expr(webhook::Column::FailingSince, Expr::value(Option::<i64>::None))
        .col_expr(webhook::Column::NextTryAt, Expr::value(0_i64))
        .col_expr(webhook::Column::OffAt, Expr::value(Option::<i64>::None))
        .col_expr(webhook::Column::OffReason, Expr::value(Option::<String>::None));
    if let Some(after) = after {
        update = update.col_expr(webhook::Column::AfterSeq, Expr::value(after));
    }
    Ok(update.filter(webhook::Column::Id.eq(id)).exec(db).await?.rows_affected > 0)
}

pub(super) async fn switch_off(db: &impl ConnectionTrait, id: Uuid, now: i64) -> Result<(), DbErr> {
    let update = webhook::Entity::update_many()
        .col_expr(webhook::Column::OffAt, Expr::value(now))
        .col_expr(webhook::Column::OffReason, Expr::value(BY_HAND));
    let update = update.filter(webhook::Column::Id.eq(id)).filter(webhook::Column::OffAt.is_null());
    update.exec(db).await.map(drop)
}

/// Leads to another address from now on, where nothing has failed yet: it rests no longer, and is on again unless somebody has
/// switched it off. `false`: it leads there already, or is gone.
pub(super) async fn readdress(db: &impl ConnectionTrait, id: Uuid, url: &str) -> Result<bool, DbErr> {
    let updated = webhook::Entity::update_many()
        .col_expr(webhook::Column::Url, Expr::value(url))
        .col_expr(webhook::Column::Tries, Expr::value(0_i64))
        .col_expr(webhook::Column::FailingSince, Expr::value(Option::<i64>::None))
        .col_expr(webhook::Column::NextTryAt, Expr::value(0_i64))
        .filter(webhook::Column::Id.eq(id))
        .filter(webhook::Column::Url.ne(url))
        .exec(db)
        .await?;
    if updated.rows_affected == 0 {
        return Ok(false);
    }
    let on = webhook::Entity::update_many()
        .col_expr(webhook::Column::OffAt, Expr::value(Option::<i64>::None))
        .col_expr(webhook::Column::OffReason, Expr::value(Option::<String>::None));
    on.filter(webhook::Column::Id.eq(id)).filter(webhook::Column::OffReason.ne(BY_HAND)).exec(db).await?;
    Ok(true)
}

/// Is told of these from now on.
pub(super) async fn retype(db: &impl ConnectionTrait, id: Uuid, types: &str) -> Result<(), DbErr> {
    let update = webhook::Entity::update_many().col_expr(webhook::Column::Types, Expr::value(types));
    update.filter(webhook::Column::Id.eq(id)).exec(db).await.map(drop)
}

/// Puts another secret in the place of the one that was read, which signs on until `until`. `false`: it was changed since.
pub(super) async fn replace_secret(
    db: &impl ConnectionTrait,
    seen: &WebhookRow,
    secret: Vec<u8>,
    until: i64,
) -> Result<bool, DbErr> {
    let updated = webhook::Entity::update_many()
        .col_expr(webhook::Column::Secret, Expr::value(secret))
        .col_expr(webhook::Column::SecretBefore, Expr::value(seen.secret.clone()))
        .col_expr(webhook::Column::SecretBeforeUntil, Expr::value(until))
        .filter(webhook::Column::Id.eq(seen.id))
        .filter(webhook::Column::Secret.eq(seen.secret.clone()))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// `false`: it was gone.
pub(super) async fn remove_webhook(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    delivery::Entity::delete_many().filter(delivery::Column::WebhookId.eq(id)).exec(db).await?;
    Ok(webhook::Entity::delete_by_id(id).exec(db).await?.rows_affected > 0)
}

pub(super) async fn insert_delivery(db: &impl ConnectionTrait, row: DeliveryRow) -> Result<(), DbErr> {
    delivery::Entity::insert(row.into_active_model()).exec_without_returning(db).await.map(drop)
}

/// The tries of a webhook, the latest first.
pub(super) async fn list_deliveries(
    db: &impl ConnectionTrait,
    webhook: Uuid,
    limit: u64,
) -> Result<Vec<DeliveryRow>, DbErr> {
    let of_webhook = delivery::Entity::find().filter(delivery::Column::WebhookId.eq(webhook));
    of_webhook.order_by_desc(delivery::Column::Id).limit(limit).all(db).await
}
