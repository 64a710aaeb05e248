//! Statements about failures in a row.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryResult,
    sea_query::{Expr, SelectStatement},
};
use uuid::Uuid;

use super::{Insert, entity::throttle};
use crate::throttle::{Counter, Subject};

/// Each failure in a row is remembered for a day after the last attempt, in milliseconds: ten for ten days. So whoever
/// guesses slowly gets one guess a day, and addresses that were tried once do not fill the table.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The counters of an attempt, as a sign-in reads them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) account: Option<Counter>,
    pub(crate) devices: Option<Counter>,
    pub(crate) device: Option<Counter>,
}

/// Adds the counters to a query about something else.
pub(super) fn join_counters(query: &mut SelectStatement, subject: Subject) {
    let device = subject.device.map(|device| ("device", device.id));
    let counters = [("account", subject.account), ("devices", subject.devices)];
    for (name, id) in counters.into_iter().chain(device) {
        let column = |column: throttle::Column| Expr::col((name, column));
        query
            .join_as(JoinType::LeftJoin, throttle::Entity, name, column(throttle::Column::Id).eq(id))
            .expr_as(column(throttle::Column::Failures), format!("{name}_failures"))
            .expr_as(column(throttle::Column::TriedAt), format!("{name}_tried_at"));
    }
}

/// What [`join_counters`] has added.
pub(super) fn read_counters(row: &QueryResult, subject: Subject) -> Result<Counters, DbErr> {
    let read = |name: &str| -> Result<Option<Counter>, DbErr> {
        let failures: Option<i64> = row.try_get("", &format!("{name}_failures"))?;
        let tried_at: Option<i64> = row.try_get("", &format!("{name}_tried_at"))?;
        Ok(failures.zip(tried_at).map(|(failures, tried_at)| Counter { failures, tried_at }))
    };
    Ok(Counters {
        account: read("account")?,
        devices: read("devices")?,
        device: if subject.device.is_some() { read("device")? } else { None },
    })
}

pub(crate) async fn find_counter(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Counter>, DbErr> {
    let row = throttle::Entity::find_by_id(id).one(db).await?;
    Ok(row.map(|row| Counter { failures: row.failures, tried_at: row.tried_at }))
}

/// Counts an attempt as a failure if there still are fewer than `below`. `false`: there are not, or the row came or went
/// since it was read.
pub(crate) async fn count_failure(
    db: &impl ConnectionTrait,
    id: Uuid,
    is_first: bool,
    below: i64,
    now: i64,
) -> Result<bool, DbErr> {
    if is_first {
        let row = throttle::ActiveModel {
            id: Set(id),
            failures: Set(1),
            tried_at: Set(now),
            forget_at: Set(now.saturating_add(DAY)),
        };
        let inserted = throttle::Entity::insert(row).exec_without_returning(db).await;
        return Ok(Insert::of(inserted)? == Insert::Done);
    }
    let failures = || Expr::col(throttle::Column::Failures).add(1);
    let counted = throttle::Entity::update_many()
        // First, while MariaDB, which evaluates SET from left to right, still has the old number.
        .col_expr(throttle::Column::ForgetAt, failures().mul(DAY).add(now))
        .col_expr(throttle::Column::Failures, failures())
        .col_expr(throttle::Column::TriedAt, Expr::value(now))
        .filter(throttle::Column::Id.eq(id))
        .filter(throttle::Column::Failures.lt(below))
        .exec(db)
        .await?;
    Ok(counted.rows_affected > 0)
}

/// Takes so many failures away. One statement unless there are more: then others are at work.
pub(crate) async fn forget_failures(db: &impl ConnectionTrait, id: Uuid, failures: i64) -> Result<(), DbErr> {
    let all = throttle::Entity::delete_many()
        .filter(throttle::Column::Id.eq(id))
        .filter(throttle::Column::Failures.lte(failures))
        .exec(db)
        .await?;
    if all.rows_affected > 0 {
        return Ok(());
    }
    throttle::Entity::update_many()
        .col_expr(throttle::Column::Failures, Expr::col(throttle::Column::Failures).sub(failures))
        .filter(throttle::Column::Id.eq(id))
        .filter(throttle::Column::Failures.gt(failures))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes all failures of these away.
pub(crate) async fn forget_all_failures(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<(), DbErr> {
    throttle::Entity::delete_many().filter(throttle::Column::Id.is_in(ids)).exec(db).await.map(drop)
}

/// Takes one failure away, and with it the wait that began when it was counted.
pub(crate) async fn take_back_failure(
    db: &impl ConnectionTrait,
    id: Uuid,
    tried_before: i64,
) -> Result<(), DbErr> {
    throttle::Entity::update_many()
        .col_expr(throttle::Column::Failures, Expr::col(throttle::Column::Failures).sub(1))
        .col_expr(throttle::Column::TriedAt, Expr::value(tried_before))
        .filter(throttle::Column::Id.eq(id))
        .filter(throttle::Column::Failures.gt(0))
        .exec(db)
        .await?;
    Ok(())
}
