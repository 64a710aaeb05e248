//! Statements that remove sessions that nobody can use any more.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter,
    QuerySelect, RelationTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    by_name::BATCH,
    entity::{session, user},
};

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
