//! Statements about one-time tokens.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, UpdateMany,
    sea_query::Expr,
};
use uuid::Uuid;

use super::entity::one_time_token;
use crate::{UserId, token::Purpose};

pub(crate) struct TokenRow {
    pub(crate) id: Uuid,
    /// `None`: it is nobody's yet.
    pub(crate) user_id: Option<UserId>,
    /// The name of a [`Purpose`], perhaps of one that another version knows.
    pub(crate) purpose: String,
    pub(crate) seed: Vec<u8>,
    /// What the token is about: an address, or a sign-in that is under way.
    pub(crate) payload: Option<String>,
    pub(crate) expires_at: i64,
    pub(crate) spent_at: Option<i64>,
}

impl TokenRow {
    pub(crate) fn is_alive(&self, now: i64) -> bool {
        self.spent_at.is_none() && now < self.expires_at
    }
}

pub(crate) async fn find_token(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<TokenRow>, DbErr> {
    let row = one_time_token::Entity::find_by_id(id).one(db).await?;
    Ok(row.map(|row| TokenRow {
        id: row.id,
        user_id: row.user_id.map(UserId::from),
        purpose: row.purpose,
        seed: row.seed,
        payload: row.payload,
        expires_at: row.expires_at,
        spent_at: row.spent_at,
    }))
}

pub(crate) async fn insert_token(db: &impl ConnectionTrait, new: &TokenRow, now: i64) -> Result<(), DbErr> {
    let row = one_time_token::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.user_id.map(UserId::as_uuid)),
        purpose: Set(new.purpose.clone()),
        seed: Set(new.seed.clone()),
        payload: Set(new.payload.clone()),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        spent_at: Set(new.spent_at),
    };
    one_time_token::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(crate) async fn prolong_token(db: &impl ConnectionTrait, id: Uuid, expires_at: i64) -> Result<(), DbErr> {
    one_time_token::Entity::update_many()
        .col_expr(one_time_token::Column::ExpiresAt, Expr::value(expires_at))
        .filter(one_time_token::Column::Id.eq(id))
        .filter(one_time_token::Column::SpentAt.is_null())
        .exec(db)
        .await
        .map(drop)
}

/// Of two who spend it at once one gets `true`.
pub(crate) async fn spend_token(db: &impl ConnectionTrait, id: Uuid, now: i64) -> Result<bool, DbErr> {
    let spent = one_time_token::Entity::update_many()
        .col_expr(one_time_token::Column::SpentAt, Expr::value(now))
        .filter(one_time_token::Column::Id.eq(id))
        .filter(one_time_token::Column::SpentAt.is_null())
        .filter(one_time_token::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(spent.rows_affected > 0)
}

/// Ends all of a user's tokens, whatever they are for.
pub(crate) async fn end_tokens(db: &impl ConnectionTrait, user: UserId, now: i64) -> Result<(), DbErr> {
    ending(user, now).exec(db).await.map(drop)
}

/// Which tokens of a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About<'a> {
    Anything,
    AnythingBut(&'a str),
    /// No address: they prove none.
    Nothing,
}

/// Ends a user's tokens of one purpose.
pub(crate) async fn end_tokens_of(
    db: &impl ConnectionTrait,
    user: UserId,
    purpose: Purpose,
    about: About<'_>,
    now: i64,
) -> Result<(), DbErr> {
    let end = ending(user, now).filter(one_time_token::Column::Purpose.eq(purpose.0));
    let end = match about {
        About::Anything => end,
        About::AnythingBut(about) => end.filter(one_time_token::Column::Payload.ne(about)),
        About::Nothing => end.filter(one_time_token::Column::Payload.is_null()),
    };
    end.exec(db).await.map(drop)
}

fn ending(user: UserId, now: i64) -> UpdateMany<one_time_token::Entity> {
    one_time_token::Entity::update_many()
        .col_expr(one_time_token::Column::SpentAt, Expr::value(now))
        .filter(one_time_token::Column::UserId.eq(user.as_uuid()))
        .filter(one_time_token::Column::SpentAt.is_null())
}
