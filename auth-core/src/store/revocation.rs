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
    let sessions =
        session::Entity::find().select_only().columns([session::Column::Id, session::Column::RevokedAt]);
    let order = (session::Column::RevokedAt, session::Column::Id);
    each_page(
        db,
        sessions,
        order,
        since,
        |&(id, at)| (id, at),
        |ids| {
            learn(Ended { ids, ..Ended::default() });
        },
    )
    .await?;
    let of_older_epoch = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .column(user::Column::EpochAt)
        .join(JoinType::InnerJoin, session::Relation::User.def())
        .filter(
            Expr::col((session::Entity, session::Column::Epoch))
                .ne(Expr::col((user::Entity, user::Column::Epoch))),
        );
    let order = (user::Column::EpochAt, session::Column::Id);
    each_page(
        db,
        of_older_epoch,
        order,
        since,
        |&(id, at)| (id, at),
        |ids| {
            learn(Ended { ids, ..Ended::default() });
        },
    )
    .await?;
    let roles = user::Entity::find().select_only().columns([
        user::Column::Id,
        user::Column::RolesVersion,
        user::Column::RolesAt,
    ]);
    let order = (user::Column::RolesAt, user::Column::Id);
    let key = |&(id, _, at): &(Uuid, i64, i64)| (id, at);
    each_page(db, roles, order, since, key, |roles| {
        let roles = roles.into_iter().map(|(id, version, at)| (id.into(), version, at)).collect();
        learn(Ended { roles, ..Ended::default() });
    })
    .await?;
    let deleted = deleted_user::Entity::find()
        .select_only()
        .columns([deleted_user::Column::Id, deleted_user::Column::DeletedAt]);
    let order = (deleted_user::Column::DeletedAt, deleted_user::Column::Id);
    each_page(
        db,
        deleted,
        order,
        since,
        |&(id, at)| (id, at),
        |deleted: Vec<(Uuid, i64)>| {
            let deleted = deleted.into_iter().map(|(id, at)| (id.into(), at)).collect();
            learn(Ended { deleted, ..Ended::default() });
        },
    )
    .await
}

/// Page by page in the order of a moment and an id, from after `since` on.
async fn each_page<E, T, A, I>(
    db: &impl ConnectionTrait,
    query: Select<E>,
    (at, id): (A, I),
    since: i64,
    key: impl Fn(&T) -> (Uuid, i64),
    mut take: impl FnMut(Vec<T>),
) -> Result<(), DbErr>
where
    E: EntityTrait,
    T: TryGetableMany + Send + Sync,
    A: ColumnTrait,
    I: ColumnTrait,
{
    // No id is greater.
    let mut after = (Uuid::max(), since);
    loop {
        let rows: Vec<T> = query
            .clone()
            // The first for the index, which a database does not see in the second alone.
            .filter(at.gte(after.1))
            .filter(at.gt(after.1).or(id.gt(after.0)))
            .order_by_asc(at)
            .order_by_asc(id)
            .limit(PAGE)
            .into_tuple()
            .all(db)
            .await?;
        let Some(last) = rows.last().map(&key) else { return Ok(()) };
        let is_all = (rows.len() as u64) < PAGE;
        take(rows);
        if is_all {
            return Ok(());
        }
        after = last;
    }
}
