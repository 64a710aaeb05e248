//! Statements about what has ended lately.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationTrait, Select, TryGetableMany, sea_query::Expr,
};
use uuid::Uuid;

use super::entity::{deleted_user, session, user};
use crate::revocation::Ended;

/// Rows that are read at once: a mass of sessions may end in the same moment, and memory is bounded.
const PAGE: u64 = 1000;

/// Hands over what has ended, in parts. Four statements on indexed columns, and one for each thousand rows more.
pub(crate) async fn ended_since(
    db: &impl ConnectionTrait,
    since: i64,
    mut learn: impl FnMut(Ended),
) -> Result<(), DbErr> {
    let sessions = || session::Entity::find().select_only().column(session::Column::Id);
    let of_older_epoch = sessions()
        .column(user::Column::EpochAt)
        .join(JoinType::InnerJoin, session::Relation::User.def())
        .filter(
            Expr::col((session::Entity, session::Column::Epoch))
                .ne(Expr::col((user::Entity, user::Column::Epoch))),
        );
    let revoked = sessions().column(session::Column::RevokedAt);
    for (ended, at) in [
        (revoked, session::Column::RevokedAt.into_expr()),
        (of_older_epoch, user::Column::EpochAt.into_expr()),
    ] {
        let order = (at, session::Column::Id.into_expr());
        each_page(db, ended, order, since, |row| *row, |ids| learn(Ended { ids, ..Ended::default() }))
            .await?;
    }
    let deleted = deleted_user::Entity::find()
        .select_only()
        .columns([deleted_user::Column::Id, deleted_user::Column::DeletedAt]);
    let order = (deleted_user::Column::DeletedAt.into_expr(), deleted_user::Column::Id.into_expr());
    each_page(
        db,
        deleted,
        order,
        since,
        |row| *row,
        |deleted: Vec<(Uuid, i64)>| {
            let deleted = deleted.into_iter().map(|(id, at)| (id.into(), at)).collect();
            learn(Ended { deleted, ..Ended::default() });
        },
    )
    .await?;
    let roles = user::Entity::find().select_only().columns([
        user::Column::Id,
        user::Column::RolesAt,
        user::Column::RolesVersion,
    ]);
    let order = (user::Column::RolesAt.into_expr(), user::Column::Id.into_expr());
    each_page(
        db,
        roles,
        order,
        since,
        |&(id, at, _)| (id, at),
        |roles: Vec<(Uuid, i64, i64)>| {
            let roles = roles.into_iter().map(|(id, at, version)| (id.into(), version, at)).collect();
            learn(Ended { roles, ..Ended::default() });
        },
    )
    .await
}

/// Page by page in the order of a moment and an id, from after `since` on.
async fn each_page<E, T>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    (at, id): (Expr, Expr),
    since: i64,
    id_and_at: impl Fn(&T) -> (Uuid, i64),
    mut take: impl FnMut(Vec<T>),
) -> Result<(), DbErr>
where
    E: EntityTrait,
    T: TryGetableMany + Send + Sync,
{
    // No id is greater.
    let mut after = (Uuid::max(), since);
    loop {
        let rows: Vec<T> = query
            .clone()
            // The first for the index, which a database does not see in the second alone.
            .filter(at.clone().gte(after.1))
            .filter(at.clone().gt(after.1).or(id.clone().gt(after.0)))
            .order_by_asc(at.clone())
            .order_by_asc(id.clone())
            .limit(PAGE)
            .into_tuple()
            .all(db)
            .await?;
        let Some(last) = rows.last().map(&id_and_at) else { return Ok(()) };
        let is_all = (rows.len() as u64) < PAGE;
        take(rows);
        if is_all {
            return Ok(());
        }
        after = last;
    }
}
