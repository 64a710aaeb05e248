//! Statements about what has ended lately.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter, QuerySelect,
    RelationTrait, sea_query::Expr,
};
use uuid::Uuid;

use super::entity::{deleted_user, session, user};
use crate::revocation::Ended;

/// Four statements on indexed columns.
pub(crate) async fn ended_since(db: &impl ConnectionTrait, since: i64) -> Result<Ended, DbErr> {
    let mut sessions: Vec<(Uuid, i64)> = session::Entity::find()
        .select_only()
        .columns([session::Column::Id, session::Column::RevokedAt])
        .filter(session::Column::RevokedAt.gt(since))
        .into_tuple()
        .all(db)
        .await?;
    let of_older_epoch: Vec<(Uuid, i64)> = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .column(user::Column::EpochAt)
        .join(JoinType::InnerJoin, session::Relation::User.def())
        .filter(user::Column::EpochAt.gt(since))
        .filter(
            Expr::col((session::Entity, session::Column::Epoch))
                .ne(Expr::col((user::Entity, user::Column::Epoch))),
        )
        .into_tuple()
        .all(db)
        .await?;
    let roles: Vec<(Uuid, i64, i64)> = user::Entity::find()
        .select_only()
        .columns([user::Column::Id, user::Column::RolesVersion, user::Column::RolesAt])
        .filter(user::Column::RolesAt.gt(since))
        .into_tuple()
        .all(db)
        .await?;
    let deleted: Vec<(Uuid, i64)> = deleted_user::Entity::find()
        .select_only()
        .columns([deleted_user::Column::Id, deleted_user::Column::DeletedAt])
        .filter(deleted_user::Column::DeletedAt.gt(since))
        .into_tuple()
        .all(db)
        .await?;
    sessions.extend(of_older_epoch);
    Ok(Ended {
        ids: sessions,
        roles: roles.into_iter().map(|(id, version, at)| (id.into(), version, at)).collect(),
        deleted: deleted.into_iter().map(|(id, at)| (id.into(), at)).collect(),
    })
}
