//! Statements about sign-ins by e-mail that are under way.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{MAX_TRIES, entity as email_code};
use crate::{UserId, store::Insert};

/// One sign-in that is under way.
#[derive(Clone)]
pub(super) struct FlowRow {
    pub(super) id: Uuid,
    /// Whose address it was when it was asked for, and their epoch then.
    pub(super) owner: Option<(UserId, i64)>,
    pub(super) email: String,
    pub(super) seed: Vec<u8>,
    pub(super) tries: i64,
    pub(super) redirect_to: Option<String>,
    /// When it was its mail's turn.
    pub(super) mailed_at: Option<i64>,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
}

/// [`Insert::Taken`]: the user is gone. On PostgreSQL the transaction can then only be rolled back.
pub(super) async fn insert_flow(db: &impl ConnectionTrait, new: FlowRow) -> Result<Insert, DbErr> {
    let row = email_code::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.owner.map(|(user, _)| user.as_uuid())),
        epoch: Set(new.owner.map(|(_, epoch)| epoch)),
        email: Set(new.email),
        seed: Set(new.seed),
        tries: Set(new.tries),
        redirect_to: Set(new.redirect_to),
        mailed_at: Set(new.mailed_at),
        created_at: Set(new.created_at),
        expires_at: Set(new.expires_at),
    };
    Insert::of_belonging(email_code::Entity::insert(row).exec_without_returning(db).await)
}

pub(super) async fn find_flow(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<FlowRow>, DbErr> {
    let row = email_code::Entity::find_by_id(id).one(db).await?;
    Ok(row.map(|row| FlowRow {
        id: row.id,
        owner: row.user_id.map(UserId::from).zip(row.epoch),
        email: row.email,
        seed: row.seed,
        tries: row.tries,
        redirect_to: row.redirect_to,
        mailed_at: row.mailed_at,
        created_at: row.created_at,
        expires_at: row.expires_at,
    }))
}

/// Counts a code before it is looked at. `false`: there were as many as there may be, or it is over.
pub(super) async fn take_try(db: &impl ConnectionTrait, id: Uuid, now: i64) -> Result<bool, DbErr> {
    let taken = email_code::Entity::update_many()
        .col_expr(email_code::Column::Tries, Expr::col(email_code::Column::Tries).add(1))
        .filter(email_code::Column::Id.eq(id))
        .filter(email_code::Column::Tries.lt(MAX_TRIES))
        .filter(email_code::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(taken.rows_affected > 0)
}

/// By what somebody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A code that was [counted](take_try) and is right.
    Code,
    Link,
}

/// Of two who spend it at once, by code or by link, one gets `true`.
pub(super) async fn spend_flow(db: &impl ConnectionTrait, id: Uuid, by: By, now: i64) -> Result<bool, DbErr> {
    let mut spend = email_code::Entity::delete_many()
        .filter(email_code::Column::Id.eq(id))
        .filter(email_code::Column::ExpiresAt.gt(now));
    if by == By::Link {
        spend = spend.filter(email_code::Column::Tries.lt(MAX_TRIES));
    }
    Ok(spend.exec(db).await?.rows_affected > 0)
}

/// It is the turn of its mail. `false`: it was already, or it is over.
pub(super) async fn note_mailed(db: &impl ConnectionTrait, id: Uuid, now: i64) -> Result<bool, DbErr> {
    let noted = email_code::Entity::update_many()
        .col_expr(email_code::Column::MailedAt, Expr::value(now))
        .filter(email_code::Column::Id.eq(id))
        .filter(email_code::Column::MailedAt.is_null())
        .filter(email_code::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(noted.rows_affected > 0)
}
