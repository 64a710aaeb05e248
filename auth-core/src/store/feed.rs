//! Statements about the feed: the audit in an order that no reader can miss a row of.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr},
};
use uuid::Uuid;

use super::{
    Insert,
    by_name::BATCH,
    entity::{event, feed},
    event::EventRow,
};

/// The one row of `auth_feed`.
const ROW: i64 = 1;

/// An event with its place in the feed.
pub(crate) struct Placed {
    pub(crate) seq: i64,
    pub(crate) event: EventRow,
}

/// The place that was given last. `None`: none ever was.
pub(crate) async fn last_place(db: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
    Ok(feed::Entity::find_by_id(ROW).one(db).await?.map(|row| row.last_seq))
}

/// Sees to it that there is a last place, which can be [held](hold_last_place) then.
pub(crate) async fn begin_places(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if last_place(db).await?.is_none() {
        // Or somebody else was first.
        take_places(db, None, 0).await?;
    }
    Ok(())
}

/// The place that was given last; until the end of the transaction nobody else holds it or gives another.
pub(crate) async fn hold_last_place(txn: &DatabaseTransaction) -> Result<Option<i64>, DbErr> {
    Ok(feed::Entity::find_by_id(ROW).lock_exclusive().one(txn).await?.map(|row| row.last_seq))
}

/// The lowest place that is still there.
pub(crate) async fn first_place(db: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
    let first =
        event::Entity::find().select_only().column(event::Column::Seq).filter(event::Column::Seq.gt(0));
    first.order_by_asc(event::Column::Seq).into_tuple().one(db).await
}

/// Some events that have no place yet, the earliest first.
pub(crate) async fn find_unplaced(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Uuid>, DbErr> {
    let unplaced = event::Entity::find()
        .select_only()
        .column(event::Column::Id)
        .filter(event::Column::Seq.is_null())
        // In the order of the index, so that a crowd of them need not be sorted.
        .order_by_asc(event::Column::Seq)
        .order_by_asc(event::Column::Id)
        .limit(limit);
    unplaced.into_tuple().all(db).await
}

/// Moves the last place on, in the transaction that gives the places. `false`: somebody else has since `from` was read.
pub(crate) async fn take_places(
    db: &impl ConnectionTrait,
    from: Option<i64>,
    to: i64,
) -> Result<bool, DbErr> {
    let Some(from) = from else {
        let first = feed::ActiveModel { id: Set(ROW), last_seq: Set(to) };
        return Ok(Insert::of(feed::Entity::insert(first).exec_without_returning(db).await)? == Insert::Done);
    };
    let moved = feed::Entity::update_many()
        .col_expr(feed::Column::LastSeq, Expr::value(to))
        .filter(feed::Column::Id.eq(ROW))
        .filter(feed::Column::LastSeq.eq(from))
        .exec(db)
        .await?;
    Ok(moved.rows_affected > 0)
}

/// Gives these events the places after `last`, in this order.
pub(crate) async fn place(db: &impl ConnectionTrait, ids: &[Uuid], last: i64) -> Result<(), DbErr> {
    let case = ids
        .iter()
        .zip(last.saturating_add(1)..)
        .fold(CaseStatement::new(), |case, (id, seq)| case.case(event::Column::Id.eq(*id), Expr::value(seq)));
    event::Entity::update_many()
        .col_expr(event::Column::Seq, case.into())
        .filter(event::Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await
        .map(drop)
}

/// The events after a place, of these codes only where there are any.
pub(crate) async fn events_after(
    db: &impl ConnectionTrait,
    after: i64,
    codes: &[String],
    limit: u64,
) -> Result<Vec<Placed>, DbErr> {
    let mut query = event::Entity::find().filter(event::Column::Seq.gt(after));
    if !codes.is_empty() {
        query = query.filter(event::Column::Code.is_in(codes));
    }
    let rows = query.order_by_asc(event::Column::Seq).limit(limit).all(db).await?;
    let placed = |row: event::Model| Some(Placed { seq: row.seq?, event: row.into() });
    Ok(rows.into_iter().filter_map(placed).collect())
}

/// Removes events from before `over` that have a place, from the first on and without a hole, and up to `needed` where somebody has
/// not had them yet; and those from before there was a feed. Returns how many.
pub(crate) async fn remove_events(
    db: &impl ConnectionTrait,
    over: i64,
    needed: Option<i64>,
) -> Result<u64, DbErr> {
    let mut removed = 0;
    loop {
        let ids: Vec<Uuid> = event::Entity::find()
            .select_only()
            .column(event::Column::Id)
            .filter(event::Column::Seq.eq(0))
            .filter(event::Column::At.lt(over))
            .limit(BATCH)
            .into_tuple()
            .all(db)
            .await?;
        let found = ids.len() as u64;
        if found > 0 {
            let deleted = event::Entity::delete_many().filter(event::Column::Id.is_in(ids)).exec(db).await?;
            removed += deleted.rows_affected;
        }
        if found < BATCH {
            break;
        }
    }
    let Some(last) = last_place(db).await? else { return Ok(removed) };
    let kept: Option<i64> = event::Entity::find()
        .select_only()
        .column(event::Column::Seq)
        .filter(event::Column::Seq.gt(0))
        .filter(event::Column::At.gte(over))
        .order_by_asc(event::Column::Seq)
        .into_tuple()
        .one(db)
        .await?;
    let end = Ord::min(kept.unwrap_or(last.saturating_add(1)), needed.unwrap_or(i64::MAX));
    while let Some(first) = first_place(db).await?.filter(|first| *first < end) {
        let batch_end = Ord::min(first.saturating_add(i64::try_from(BATCH).unwrap_or(i64::MAX)), end);
        let batch = event::Column::Seq.gt(0).and(event::Column::Seq.lt(batch_end));
        removed += event::Entity::delete_many().filter(batch).exec(db).await?.rows_affected;
    }
    Ok(removed)
}
