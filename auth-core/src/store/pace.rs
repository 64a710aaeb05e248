//! Statements about how often somebody was written to. The rows stand in the table of failures, under ids of their own.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, sea_query::Expr,
};
use uuid::Uuid;

use super::{Insert, entity::throttle};

pub(crate) struct PaceRow {
    /// The last one.
    pub(crate) sent_at: i64,
    /// When all of them will have been forgotten, and the row with them.
    pub(crate) full_at: i64,
    count: i64,
}

pub(crate) async fn find_pace(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<PaceRow>, DbErr> {
    let row = throttle::Entity::find_by_id(id).one(db).await?;
    Ok(row.map(|row| PaceRow { sent_at: row.tried_at, full_at: row.forget_at, count: row.failures }))
}

/// Counts one more. `false`: somebody else has since the row was read; on PostgreSQL a transaction can then only be rolled
/// back.
pub(crate) async fn put_pace(
    db: &impl ConnectionTrait,
    id: Uuid,
    seen: Option<&PaceRow>,
    now: i64,
    full_at: i64,
) -> Result<bool, DbErr> {
    let Some(seen) = seen else {
        let row = throttle::ActiveModel {
            id: Set(id),
            failures: Set(1),
            tried_at: Set(now),
            forget_at: Set(full_at),
        };
        let inserted = throttle::Entity::insert(row).exec_without_returning(db).await;
        return Ok(Insert::of(inserted)? == Insert::Done);
    };
    let updated = throttle::Entity::update_many()
        .col_expr(throttle::Column::Failures, Expr::value(seen.count.saturating_add(1)))
        .col_expr(throttle::Column::TriedAt, Expr::value(now))
        .col_expr(throttle::Column::ForgetAt, Expr::value(full_at))
        .filter(throttle::Column::Id.eq(id))
        .filter(throttle::Column::Failures.eq(seen.count))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}
