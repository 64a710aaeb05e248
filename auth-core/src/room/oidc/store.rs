//! Statements about identities at providers.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, sea_query::Expr,
};
use uuid::Uuid;

use super::entity as identity;
use crate::{UserId, store::Insert};

pub(crate) struct IdentityRow {
    pub(crate) id: Uuid,
    pub(crate) user_id: UserId,
}

pub(crate) struct NewIdentity {
    pub(crate) id: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) tokens: Option<Vec<u8>>,
    pub(crate) now: i64,
}

/// Whose identity this is; the key is issuer and subject (OpenID Connect Core section 5.7).
pub(crate) async fn find_identity(
    db: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
) -> Result<Option<IdentityRow>, DbErr> {
    let row = identity::Entity::find()
        .filter(identity::Column::Issuer.eq(issuer))
        .filter(identity::Column::Subject.eq(subject))
        .one(db)
        .await?;
    Ok(row.map(|row| IdentityRow { id: row.id, user_id: row.user_id.into() }))
}

/// [`Insert::Taken`] also when the user is gone: either way things are no longer as they were read.
pub(crate) async fn insert_identity(db: &impl ConnectionTrait, new: NewIdentity) -> Result<Insert, DbErr> {
    let row = identity::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.user_id.as_uuid()),
        provider: Set(new.provider),
        issuer: Set(new.issuer),
        subject: Set(new.subject),
        email: Set(new.email),
        created_at: Set(new.now),
        last_used_at: Set(None),
        tokens: Set(new.tokens),
    };
    Insert::of_belonging(identity::Entity::insert(row).exec_without_returning(db).await)
}

/// Notes that somebody has signed in with it. Tokens that are not given stay.
pub(crate) async fn use_identity(
    db: &impl ConnectionTrait,
    id: Uuid,
    email: Option<&str>,
    tokens: Option<Vec<u8>>,
    now: i64,
) -> Result<(), DbErr> {
    let mut update = identity::Entity::update_many()
        .col_expr(identity::Column::LastUsedAt, Expr::value(now))
        .filter(identity::Column::Id.eq(id));
    if let Some(email) = email {
        update = update.col_expr(identity::Column::Email, Expr::value(email));
    }
    if let Some(tokens) = tokens {
        update = update.col_expr(identity::Column::Tokens, Expr::value(tokens));
    }
    update.exec(db).await.map(drop)
}

/// Where an identity is, whosever it is.
pub(crate) async fn find_provider(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<String>, DbErr> {
    Ok(identity::Entity::find_by_id(id).one(db).await?.map(|row| row.provider))
}

/// `false`: the user has no such identity.
pub(crate) async fn remove_identity(
    db: &impl ConnectionTrait,
    user: UserId,
    id: Uuid,
) -> Result<bool, DbErr> {
    let removed = identity::Entity::delete_many()
        .filter(identity::Column::Id.eq(id))
        .filter(identity::Column::UserId.eq(user.as_uuid()))
        .exec(db)
        .await?;
    Ok(removed.rows_affected > 0)
}

pub(crate) async fn find_identity_tokens(
    db: &impl ConnectionTrait,
    user: UserId,
    id: Uuid,
) -> Result<Option<Vec<u8>>, DbErr> {
    let row =
        identity::Entity::find_by_id(id).filter(identity::Column::UserId.eq(user.as_uuid())).one(db).await?;
    Ok(row.and_then(|row| row.tokens))
}

/// An identity as its owner sees it.
#[derive(FromQueryResult)]
pub(crate) struct ListedIdentity {
    pub(crate) id: Uuid,
    pub(crate) provider: String,
    pub(crate) issuer: String,
    pub(crate) email: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

/// The oldest first.
pub(crate) async fn list_identities(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<ListedIdentity>, DbErr> {
    identity::Entity::find()
        .filter(identity::Column::UserId.eq(user.as_uuid()))
        .order_by_asc(identity::Column::CreatedAt)
        .order_by_asc(identity::Column::Id)
        .into_model::<ListedIdentity>()
        .all(db)
        .await
}
