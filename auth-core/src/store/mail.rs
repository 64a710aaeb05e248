//! Statements about the outbox.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::entity::mail;
use crate::{UserId, mail::MailKind};

/// A mail that is to be sent, and what for.
#[derive(Clone)]
pub(crate) struct MailRow {
    pub(crate) id: Uuid,
    pub(crate) kind: MailKind,
    pub(crate) recipient: String,
    pub(crate) user_id: Option<UserId>,
    /// What the mail tells of; where its link is not for the account as it is, before that the epoch in which it was asked for.
    pub(crate) detail: Option<String>,
    pub(crate) attempts: i64,
    pub(crate) created_at: i64,
    pub(crate) next_try_at: i64,
}

pub(crate) async fn insert_mail(db: &impl ConnectionTrait, new: MailRow) -> Result<(), DbErr> {
    let row = mail::ActiveModel {
        id: Set(new.id),
        kind: Set(new.kind.code().to_owned()),
        recipient: Set(new.recipient),
        user_id: Set(new.user_id.map(UserId::as_uuid)),
        detail: Set(new.detail),
        attempts: Set(new.attempts),
        created_at: Set(new.created_at),
        next_try_at: Set(new.next_try_at),
    };
    mail::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Mails whose time has come, the longest due first. Kinds that a later version made are left to it.
pub(crate) async fn due_mails(
    db: &impl ConnectionTrait,
    now: i64,
    limit: u64,
) -> Result<Vec<MailRow>, DbErr> {
    let rows = mail::Entity::find()
        .filter(mail::Column::NextTryAt.lte(now))
        .filter(mail::Column::Kind.is_in(MailKind::ALL.iter().map(|kind| kind.code())))
        .order_by_asc(mail::Column::NextTryAt)
        .limit(limit)
        .all(db)
        .await?;
    let known = |row: mail::Model| {
        Some(MailRow {
            id: row.id,
            kind: MailKind::from_code(&row.kind)?,
            recipient: row.recipient,
            user_id: row.user_id.map(UserId::from),
            detail: row.detail,
            attempts: row.attempts,
            created_at: row.created_at,
            next_try_at: row.next_try_at,
        })
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Takes a mail on, until `next_try_at`. `false`: another instance has it, or it has left.
pub(crate) async fn claim_mail(
    db: &impl ConnectionTrait,
    seen: &MailRow,
    next_try_at: i64,
) -> Result<bool, DbErr> {
    let claimed = mail::Entity::update_many()
        .col_expr(mail::Column::NextTryAt, Expr::value(next_try_at))
        .col_expr(mail::Column::Attempts, Expr::value(seen.attempts.saturating_add(1)))
        .filter(mail::Column::Id.eq(seen.id))
        .filter(mail::Column::NextTryAt.eq(seen.next_try_at))
        .exec(db)
        .await?;
    Ok(claimed.rows_affected > 0)
}

/// Puts a mail back that was taken on until `claimed_until` and did not leave.
pub(crate) async fn postpone_mail(
    db: &impl ConnectionTrait,
    id: Uuid,
    claimed_until: i64,
    next_try_at: i64,
) -> Result<(), DbErr> {
    mail::Entity::update_many()
        .col_expr(mail::Column::NextTryAt, Expr::value(next_try_at))
        .filter(mail::Column::Id.eq(id))
        .filter(mail::Column::NextTryAt.eq(claimed_until))
        .exec(db)
        .await
        .map(drop)
}

pub(crate) async fn remove_mail(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    mail::Entity::delete_by_id(id).exec(db).await.map(drop)
}

/// How many mails are there, and when the oldest was written.
pub(crate) async fn mail_backlog(db: &impl ConnectionTrait) -> Result<(u64, Option<i64>), DbErr> {
    let row: Option<(i64, Option<i64>)> = mail::Entity::find()
        .select_only()
        .column_as(mail::Column::Id.count(), "waiting")
        .column_as(mail::Column::CreatedAt.min(), "oldest")
        .into_tuple()
        .one(db)
        .await?;
    let (waiting, oldest) = row.unwrap_or_default();
    Ok((u64::try_from(waiting).unwrap_or(0), oldest))
}
