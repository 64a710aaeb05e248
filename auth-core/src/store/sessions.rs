//! Statements about all the sessions of a user.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter,
    QueryOrder, QuerySelect, RelationTrait,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    entity::{session, user},
    session::revoking,
};
use crate::{EndReason, SessionId, UserId};

/// A session as its owner sees it.
#[derive(FromQueryResult)]
pub(crate) struct ListedSession {
    pub(crate) id: Uuid,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) methods: String,
}

/// The live sessions of a user who may sign in, the most recently used first.
pub(crate) async fn list_sessions(
    db: &impl ConnectionTrait,
    user: UserId,
    now: i64,
    idle_millis: i64,
) -> Result<Vec<ListedSession>, DbErr> {
    session::Entity::find()
        .join(JoinType::InnerJoin, session::Relation::User.def())
        .filter(session::Column::UserId.eq(user.as_uuid()))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .filter(session::Column::LastUsedAt.gt(now.saturating_sub(idle_millis)))
        .filter(of_users_epoch())
        .filter(user::Column::DisabledAt.is_null())
        .order_by_desc(session::Column::LastUsedAt)
        .order_by_desc(session::Column::CreatedAt)
        .into_model::<ListedSession>()
        .all(db)
        .await
}

/// How many of a user's sessions have not ended, as a part of a query about users. Those that idled out count
/// until they expire.
pub(super) fn count_sessions(now: i64) -> SelectStatement {
    Query::select()
        .expr(Expr::col((session::Entity, session::Column::Id)).count())
        .from(session::Entity)
        .and_where(
            Expr::col((session::Entity, session::Column::UserId)).equals((user::Entity, user::Column::Id)),
        )
        .and_where(of_users_epoch())
        .and_where(session::Column::RevokedAt.is_null())
        .and_where(session::Column::ExpiresAt.gt(now))
        .take()
}

fn of_users_epoch() -> Expr {
    Expr::col((session::Entity, session::Column::Epoch)).equals((user::Entity, user::Column::Epoch))
}

/// Ends the oldest sessions of a user beyond the newest `keep`, and tells which.
pub(crate) async fn revoke_oldest(
    db: &impl ConnectionTrait,
    user: UserId,
    keep: u64,
    now: i64,
) -> Result<Vec<SessionId>, DbErr> {
    let beyond: Vec<Uuid> = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::UserId.eq(user.as_uuid()))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .order_by_desc(session::Column::CreatedAt)
        .order_by_desc(session::Column::Id)
        .offset(keep)
        .limit(1000)
        .into_tuple()
        .all(db)
        .await?;
    if !beyond.is_empty() {
        revoking(EndReason::TooMany, now)
            .filter(session::Column::Id.is_in(beyond.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(beyond.into_iter().map(SessionId::from).collect())
}

/// Ends a session if it belongs to this user. `true` for the one who ended it.
pub(crate) async fn revoke_own_session(
    db: &impl ConnectionTrait,
    user: UserId,
    id: SessionId,
    now: i64,
) -> Result<bool, DbErr> {
    let updated = revoking(EndReason::Revoked, now)
        .filter(session::Column::Id.eq(id.as_uuid()))
        .filter(session::Column::UserId.eq(user.as_uuid()))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Lets one session go on though all of its user were ended in the same transaction. One that was ended by itself stays so.
pub(crate) async fn keep_session(db: &impl ConnectionTrait, id: SessionId, epoch: i64) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::Epoch, Expr::value(epoch))
        .filter(session::Column::Id.eq(id.as_uuid()))
        .filter(session::Column::RevokedAt.is_null())
        .exec(db)
        .await
        .map(drop)
}
