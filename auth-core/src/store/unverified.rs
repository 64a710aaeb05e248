//! Statements about accounts whose address nobody proved and to which nobody ever signed in.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::entity::{session, user};
use crate::UserId;

/// Made before this moment. Who was disabled is somebody to remember; of whom it is not known, somebody may have signed in; a
/// session is a sign-in that a program let in which does not note the first one.
fn is_unverified(before: i64) -> Condition {
    let sessions = Query::select()
        .expr(Expr::value(1))
        .from(session::Entity)
        .and_where(
            Expr::col((session::Entity, session::Column::UserId)).equals((user::Entity, user::Column::Id)),
        )
        .take();
    Condition::all()
        .add(user::Column::SignedInAt.is_null())
        .add(user::Column::CreatedAt.lt(before))
        .add(user::Column::EmailVerifiedAt.is_null())
        .add(user::Column::DisabledAt.is_null())
        .add(Expr::exists(sessions).not())
}

/// Some of them, in the order of their ids, from after `after`.
pub(crate) async fn find_unverified(
    db: &impl ConnectionTrait,
    before: i64,
    after: UserId,
    limit: u64,
) -> Result<Vec<UserId>, DbErr> {
    let ids: Vec<Uuid> = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(is_unverified(before))
        .filter(user::Column::Id.gt(after.as_uuid()))
        .order_by_asc(user::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids.into_iter().map(UserId::from).collect())
}

/// Whether an account still is one of them. Run it in a transaction: the row is held, and whoever signs in meanwhile waits for it.
pub(crate) async fn lock_unverified(
    db: &impl ConnectionTrait,
    id: UserId,
    before: i64,
) -> Result<bool, DbErr> {
    if super::lock_user(db, id).await?.is_none() {
        return Ok(false);
    }
    let still = user::Entity::find_by_id(id.as_uuid()).filter(is_unverified(before)).one(db).await?;
    Ok(still.is_some())
}
