//! Statements that remove sessions that nobody can use any more, and that no column of the row alone tells.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{BinOper, Expr, Query},
};
use uuid::Uuid;

use super::{
    by_name::BATCH,
    entity::{session, user},
};

/// Removes sessions that were last used `idle_millis` before `over`. Those that are due and were used since, by an older program or
/// under another setting, are due later. Returns how many are gone.
pub(crate) async fn remove_idle_sessions(
    db: &impl ConnectionTrait,
    over: i64,
    idle_millis: i64,
) -> Result<u64, DbErr> {
    let used_before = over.saturating_sub(idle_millis);
    let mut removed = 0;
    loop {
        let due: Vec<(Uuid, i64)> = session::Entity::find()
            .select_only()
            .columns([session::Column::Id, session::Column::LastUsedAt])
            .filter(session::Column::IdleUntil.lt(over))
            .limit(BATCH)
            .into_tuple()
            .all(db)
            .await?;
        let found = due.len() as u64;
        let (idle, used): (Vec<_>, Vec<_>) = due.into_iter().partition(|(_, at)| *at < used_before);
        let ids = |rows: Vec<(Uuid, i64)>| rows.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        if !idle.is_empty() {
            let deleted = session::Entity::delete_many()
                .filter(session::Column::Id.is_in(ids(idle)))
                .filter(session::Column::LastUsedAt.lt(used_before))
                .exec(db)
                .await?;
            removed += deleted.rows_affected;
        }
        if !used.is_empty() {
            let later = Expr::col(session::Column::LastUsedAt).add(idle_millis);
            session::Entity::update_many()
                .col_expr(session::Column::IdleUntil, later)
                .filter(session::Column::Id.is_in(ids(used)))
                .filter(session::Column::IdleUntil.lt(over))
                .exec(db)
                .await?;
        }
        if found < BATCH {
            return Ok(removed);
        }
    }
}

/// Removes sessions whose user ended them all, at `from` or later and before `over`. Returns how many.
pub(crate) async fn remove_sessions_of_older_epochs(
    db: &impl ConnectionTrait,
    from: i64,
    over: i64,
) -> Result<u64, DbErr> {
    let epoch_of_user = Query::select()
        .column((user::Entity, user::Column::Epoch))
        .from(user::Entity)
        .and_where(
            Expr::col((user::Entity, user::Column::Id)).equals((session::Entity, session::Column::UserId)),
        )
        .take();
    let of_older_epoch = || {
        Expr::col((session::Entity, session::Column::Epoch)).binary(BinOper::NotEqual, epoch_of_user.clone())
    };
    let mut after = Condition::all().add(user::Column::EpochAt.gte(from));
    let mut removed = 0;
    loop {
        let page: Vec<(Uuid, i64)> = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::EpochAt])
            .filter(after)
            .filter(user::Column::EpochAt.lt(over))
            .order_by_asc(user::Column::EpochAt)
            .order_by_asc(user::Column::Id)
            .limit(BATCH)
            .into_tuple()
            .all(db)
            .await?;
        let Some((last, last_at)) = page.last().copied() else { return Ok(removed) };
        let is_last_page = (page.len() as u64) < BATCH;
        let users = page.into_iter().map(|(id, _)| id);
        let deleted = session::Entity::delete_many()
            .filter(session::Column::UserId.is_in(users))
            .filter(of_older_epoch())
            .exec(db)
            .await?;
        removed += deleted.rows_affected;
        if is_last_page {
            return Ok(removed);
        }
        let same_moment =
            Condition::all().add(user::Column::EpochAt.eq(last_at)).add(user::Column::Id.gt(last));
        after = Condition::any().add(user::Column::EpochAt.gt(last_at)).add(same_moment);
    }
}
