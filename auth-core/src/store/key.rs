//! Statements about the key ring.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    sea_query::Expr,
};

pub(crate) use super::entity::key::Model as KeyRow;
use super::{Insert, entity::key};

/// The whole ring: a handful of rows.
pub(crate) async fn read_keys(db: &impl ConnectionTrait) -> Result<Vec<KeyRow>, DbErr> {
    key::Entity::find().order_by_asc(key::Column::Number).all(db).await
}

/// `Taken`: somebody else has added one since the ring was read.
pub(crate) async fn insert_key(db: &impl ConnectionTrait, row: KeyRow) -> Result<Insert, DbErr> {
    Insert::of(key::Entity::insert(row.into_active_model()).exec_without_returning(db).await)
}

/// `true` for the one who revoked it. The private key is gone for good: what was revoked cannot be brought back.
pub(crate) async fn revoke_key(db: &impl ConnectionTrait, id: &str, now: i64) -> Result<bool, DbErr> {
    let updated = key::Entity::update_many()
        .col_expr(key::Column::RevokedAt, Expr::value(now))
        .col_expr(key::Column::PrivateKey, Expr::value(Vec::<u8>::new()))
        .filter(key::Column::Id.eq(id))
        .filter(key::Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// By their ids, which never come again; numbers do.
pub(crate) async fn remove_keys(db: &impl ConnectionTrait, ids: Vec<String>) -> Result<u64, DbErr> {
    let deleted = key::Entity::delete_many().filter(key::Column::Id.is_in(ids)).exec(db).await?;
    Ok(deleted.rows_affected)
}
