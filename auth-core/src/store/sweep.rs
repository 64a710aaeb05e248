//! Statements that remove what nobody can use any more.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter,
    QuerySelect, RelationTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::entity::{deleted_user, event, one_time_token, session, throttle, user};

/// Small, so that no batch holds locks for long.
const BATCH: u64 = 500;

/// Removes sessions that ended before `over`, or were last used before `idle`; each of the four ways to end has an
/// index of its own. Returns how many.
pub(crate) async fn remove_dead_sessions(
    db: &impl ConnectionTrait,
    over: i64,
    idle: i64,
) -> Result<u64, DbErr> {
    let of_older_epoch = Condition::all().add(user::Column::EpochAt.lt(over)).add(
        Expr::col((session::Entity, session::Column::Epoch))
            .ne(Expr::col((user::Entity, user::Column::Epoch))),
    );
    let mut removed = 0;
    for ended in [
        session::Column::ExpiresAt.lt(over).into(),
        session::Column::RevokedAt.lt(over).into(),
        session::Column::LastUsedAt.lt(idle).into(),
        of_older_epoch,
    ] {
        removed += remove(db, &ended).await?;
    }
    Ok(removed)
}

/// Removes one-time tokens that ended before `over`, spent or not. Returns how many.
pub(crate) async fn remove_dead_tokens(db: &impl ConnectionTrait, over: i64) -> Result<u64, DbErr> {
    let dead = one_time_token::Column::ExpiresAt.lt(over);
    remove_where::<one_time_token::Entity>(db, one_time_token::Column::Id, dead).await
}

/// Removes counters of failures that are to be forgotten. Returns how many.
pub(crate) async fn remove_forgotten_failures(db: &impl ConnectionTrait, now: i64) -> Result<u64, DbErr> {
    remove_where::<throttle::Entity>(db, throttle::Column::Id, throttle::Column::ForgetAt.lt(now)).await
}

/// Removes rows of the audit from before `over`. Returns how many.
pub(crate) async fn remove_old_events(db: &impl ConnectionTrait, over: i64) -> Result<u64, DbErr> {
    remove_where::<event::Entity>(db, event::Column::Id, event::Column::At.lt(over)).await
}

/// Removes the ids of users who were deleted before `over`. Returns how many.
pub(crate) async fn forget_deleted_users(db: &impl ConnectionTrait, over: i64) -> Result<u64, DbErr> {
    let old = deleted_user::Column::DeletedAt.lt(over);
    remove_where::<deleted_user::Entity>(db, deleted_user::Column::Id, old).await
}

async fn remove_where<E: EntityTrait>(
    db: &impl ConnectionTrait,
    id: E::Column,
    dead: Expr,
) -> Result<u64, DbErr> {
    let mut removed = 0;
    loop {
        let ids: Vec<Uuid> =
            E::find().select_only().column(id).filter(dead.clone()).limit(BATCH).into_tuple().all(db).await?;
        let found = ids.len() as u64;
        if found > 0 {
            // Once more, because the row may have changed since.
            let delete = E::delete_many().filter(id.is_in(ids)).filter(dead.clone());
            removed += delete.exec(db).await?.rows_affected;
        }
        if found < BATCH {
            return Ok(removed);
        }
    }
}

/// By ids read before: MySQL can neither limit a DELETE with a join nor read the table it deletes from.
async fn remove(db: &impl ConnectionTrait, ended: &Condition) -> Result<u64, DbErr> {
    let mut removed = 0;
    loop {
        let ids: Vec<Uuid> = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .join(JoinType::InnerJoin, session::Relation::User.def())
            .filter(ended.clone())
            .limit(BATCH)
            .into_tuple()
            .all(db)
            .await?;
        let found = ids.len() as u64;
        if found > 0 {
            let deleted =
                session::Entity::delete_many().filter(session::Column::Id.is_in(ids)).exec(db).await?;
            removed += deleted.rows_affected;
        }
        if found < BATCH {
            return Ok(removed);
        }
    }
}
