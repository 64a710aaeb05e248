//! Statements about sessions.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, IdenStatic as _,
    Iterable as _, JoinType, QueryFilter, QuerySelect, QueryTrait, RelationTrait, Select, SqlErr, UpdateMany,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    entity::{profile, session, user, user_role},
    profile::read_profile,
    text::Text,
    user::{UserRow, all_roles},
};
use crate::{EndReason, Profile, SessionId, UserId, token::rotation::Rotation};

#[derive(Clone)]
pub(crate) struct NewSession {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    /// The user's epoch as the sign-in read it.
    pub(crate) epoch: i64,
    pub(crate) seed: [u8; 32],
    pub(crate) methods: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) ip: Option<String>,
    /// When they showed who they are, which need not have been here; 0 if nobody knows.
    pub(crate) auth_time: i64,
    /// The remembered device for which no second factor was asked for.
    pub(crate) device: Option<Uuid>,
    pub(crate) now: i64,
    /// Milliseconds without a refresh after which it is over.
    pub(crate) idle: i64,
    pub(crate) expires_at: i64,
}

/// Called by the one door, `flow/sign_in.rs`, and nowhere else. `false`: the user is gone.
pub(crate) async fn insert_session(db: &impl ConnectionTrait, new: NewSession) -> Result<bool, DbErr> {
    let start = Rotation::START;
    let row = session::ActiveModel {
        id: Set(new.id.as_uuid()),
        user_id: Set(new.user_id.as_uuid()),
        epoch: Set(new.epoch),
        seed: Set(new.seed.to_vec()),
        newest: Set(start.newest),
        last_used: Set(start.last_used),
        oldest_unused: Set(start.oldest_unused),
        rotated_at: Set(start.rotated_at),
        created_at: Set(new.now),
        last_used_at: Set(new.now),
        idle_until: Set(looked_at_again(new.now, new.idle)),
        expires_at: Set(new.expires_at),
        revoked_at: Set(None),
        revoked_reason: Set(None),
        methods: Set(new.methods),
        user_agent: Set(new.user_agent),
        ip: Set(new.ip),
        auth_time: Set(Some(new.auth_time)),
        device_id: Set(new.device),
    };
    match session::Entity::insert(row).exec_without_returning(db).await {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))) => Ok(false),
        inserted => inserted.map(|_| true),
    }
}

/// A session with its user.
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) user: UserRow,
    pub(crate) seed: Vec<u8>,
    pub(crate) rotation: Rotation,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) methods: String,
    /// The remembered device for which no second factor was asked for.
    pub(crate) device: Option<Uuid>,
    auth_time: Option<i64>,
    epoch: i64,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
}

impl SessionRow {
    /// Not revoked, not past its absolute or idle lifetime, and its user may still sign in.
    pub(crate) fn is_alive(&self, now: i64, idle_millis: i64) -> bool {
        self.revoked_at.is_none()
            && self.epoch == self.user.epoch
            && self.user.disabled_at.is_none()
            && now < self.expires_at
            && now < self.last_used_at.saturating_add(idle_millis)
    }

    /// When the user last showed who they are; 0 if nobody knows. In the row of a program that does not know the column it was
    /// at the sign-in, if that was here.
    pub(crate) fn authenticated_at(&self) -> i64 {
        let at_the_sign_in = if self.methods == "fed" { 0 } else { self.created_at };
        self.auth_time.unwrap_or(at_the_sign_in)
    }

    /// Ended by the client that held it, which signed out or signed in anew. A reason that a later version knows
    /// is none of these.
    pub(crate) fn was_left(&self) -> bool {
        let reason = self.revoked_reason.as_deref();
        [EndReason::SignedOut, EndReason::Replaced].iter().any(|left| reason == Some(left.code()))
    }
}

/// One line of the join of a session with its user and the user's roles.
#[derive(FromQueryResult)]
struct Line {
    id: Uuid,
    epoch: i64,
    seed: Vec<u8>,
    newest: i64,
    last_used: i64,
    oldest_unused: i64,
    rotated_at: Option<i64>,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
    methods: String,
    auth_time: Option<i64>,
    device_id: Option<Uuid>,
    user_id: Uuid,
    email: String,
    email_verified_at: Option<i64>,
    disabled_at: Option<i64>,
    user_epoch: i64,
    user_created_at: i64,
    roles_version: i64,
    role: Option<String>,
}

/// A session, its user and the user's roles in one statement.
pub(crate) async fn find_session(
    db: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<SessionRow>, DbErr> {
    static TEXT: Text = Text::new();
    let backend = db.get_database_backend();
    let statement = TEXT.with(backend, [id.as_uuid().into()], || session_with_user(id).build(backend));
    Ok(fold(Line::find_by_statement(statement).all(db).await?))
}

/// The same with what the user tells, if anything.
pub(crate) async fn find_session_with_profile(
    db: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<(SessionRow, Option<Profile>)>, DbErr> {
    static TEXT: Text = Text::new();
    let backend = db.get_database_backend();
    let statement = TEXT.with(backend, [id.as_uuid().into()], || {
        let to_profile = session::Entity::belongs_to(profile::Entity)
            .from(session::Column::UserId)
            .to(profile::Column::UserId);
        let all = session_with_user(id).join(JoinType::LeftJoin, to_profile.into());
        let all = profile::Column::iter()
            .fold(all, |all, column| all.column_as(column, format!("{OF_PROFILE}{}", column.as_str())));
        all.build(backend)
    });
    let lines = db.query_all_raw(statement).await?;
    let profile = match lines.first() {
        Some(line) => profile::Model::from_query_result_optional(line, OF_PROFILE)?,
        None => None,
    };
    let lines: Result<Vec<_>, DbErr> = lines.iter().map(|line| Line::from_query_result(line, "")).collect();
    let profile = profile.map(read_profile).transpose()?;
    Ok(fold(lines?).map(|session| (session, profile)))
}

/// How its columns begin beside those of a session.
const OF_PROFILE: &str = "profile_";

fn session_with_user(id: SessionId) -> Select<session::Entity> {
    session::Entity::find()
        .column(user::Column::Email)
        .column(user::Column::EmailVerifiedAt)
        .column(user::Column::DisabledAt)
        .column_as(user::Column::Epoch, "user_epoch")
        .column_as(user::Column::CreatedAt, "user_created_at")
        .column(user::Column::RolesVersion)
        .column(user_role::Column::Role)
        .join(JoinType::InnerJoin, session::Relation::User.def())
        .join(JoinType::LeftJoin, user::Relation::Role.def())
        .filter(session::Column::Id.eq(id.as_uuid()))
}

fn fold(mut lines: Vec<Line>) -> Option<SessionRow> {
    let roles = all_roles(lines.iter_mut().map(|line| line.role.take()));
    lines.into_iter().next().map(|line| SessionRow {
        id: line.id.into(),
        user: UserRow {
            id: line.user_id.into(),
            email: line.email,
            email_verified_at: line.email_verified_at,
            disabled_at: line.disabled_at,
            epoch: line.user_epoch,
            created_at: line.user_created_at,
            roles,
            roles_version: line.roles_version,
            device_seed: None,
        },
        seed: line.seed,
        rotation: Rotation {
            newest: line.newest,
            last_used: line.last_used,
            oldest_unused: line.oldest_unused,
            rotated_at: line.rotated_at,
        },
        created_at: line.created_at,
        last_used_at: line.last_used_at,
        expires_at: line.expires_at,
        methods: line.methods,
        device: line.device_id,
        auth_time: line.auth_time,
        epoch: line.epoch,
        revoked_at: line.revoked_at,
        revoked_reason: line.revoked_reason,
    })
}

/// Whether the conditional UPDATE found the row as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotated {
    Yes,
    /// Somebody else rotated, revoked or removed it since, or ended all of its user.
    Lost,
}

/// The epoch in which a session has to be made to live: none for a user who is disabled.
fn epoch_of_user() -> SelectStatement {
    Query::select()
        .column((user::Entity, user::Column::Epoch))
        .from(user::Entity)
        .and_where(
            Expr::col((user::Entity, user::Column::Id)).equals((session::Entity, session::Column::UserId)),
        )
        .and_where(Expr::col((user::Entity, user::Column::DisabledAt)).is_null())
        .take()
}

/// When the sweep has to look at a session that is used now. Rounded up to a day: the column has an index, and on PostgreSQL an UPDATE
/// that changes no indexed column writes no index (HOT).
fn looked_at_again(now: i64, idle_millis: i64) -> i64 {
    const DAY: i64 = 86_400_000;
    let over = now.saturating_add(idle_millis);
    over.saturating_add(DAY.saturating_sub(over.rem_euclid(DAY)))
}

/// Moves a session from one rotation to the next. Every step raises `newest`, so comparing that one number
/// tells whether the row is as it was read. New values are bound, not computed: MariaDB evaluates SET from
/// left to right on values already changed.
pub(crate) async fn rotate_session(
    db: &impl ConnectionTrait,
    id: SessionId,
    from: &Rotation,
    to: &Rotation,
    now: i64,
    idle_millis: i64,
) -> Result<Rotated, DbErr> {
    static TEXT: Text = Text::new();
    let backend = db.get_database_backend();
    let idle_until = looked_at_again(now, idle_millis);
    let values = [
        to.newest.into(),
        to.last_used.into(),
        to.oldest_unused.into(),
        to.rotated_at.into(),
        now.into(),
        idle_until.into(),
        id.as_uuid().into(),
        from.newest.into(),
    ];
    let statement = TEXT.with(backend, values, || {
        session::Entity::update_many()
            .col_expr(session::Column::Newest, Expr::value(to.newest))
            .col_expr(session::Column::LastUsed, Expr::value(to.last_used))
            .col_expr(session::Column::OldestUnused, Expr::value(to.oldest_unused))
            .col_expr(session::Column::RotatedAt, Expr::value(to.rotated_at))
            .col_expr(session::Column::LastUsedAt, Expr::value(now))
            .col_expr(session::Column::IdleUntil, Expr::value(idle_until))
            .filter(session::Column::Id.eq(id.as_uuid()))
            .filter(session::Column::Newest.eq(from.newest))
            .filter(session::Column::RevokedAt.is_null())
            .filter(session::Column::Epoch.in_subquery(epoch_of_user()))
            .build(backend)
    });
    let updated = db.execute_raw(statement).await?;
    Ok(if updated.rows_affected() > 0 { Rotated::Yes } else { Rotated::Lost })
}

/// Notes that a session is used, by more than a refresh, unless that was noted since `before`.
pub(crate) async fn use_session(
    db: &impl ConnectionTrait,
    id: SessionId,
    before: i64,
    now: i64,
    idle_millis: i64,
) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::LastUsedAt, Expr::value(now))
        .col_expr(session::Column::IdleUntil, Expr::value(looked_at_again(now, idle_millis)))
        .filter(session::Column::Id.eq(id.as_uuid()))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::LastUsedAt.lt(before))
        .exec(db)
        .await?;
    Ok(())
}

/// Notes that who is signed in has shown who they are again. `false`: the session is over.
pub(crate) async fn prove_session(
    db: &impl ConnectionTrait,
    id: SessionId,
    methods: &str,
    now: i64,
) -> Result<bool, DbErr> {
    let updated = session::Entity::update_many()
        .col_expr(session::Column::Methods, Expr::value(methods))
        .col_expr(session::Column::AuthTime, Expr::value(now))
        .filter(session::Column::Id.eq(id.as_uuid()))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::Epoch.in_subquery(epoch_of_user()))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Ends sessions that are not over, once it is told which.
pub(super) fn revoking(reason: EndReason, now: i64) -> UpdateMany<session::Entity> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(now))
        .col_expr(session::Column::RevokedReason, Expr::value(reason.code()))
        .filter(session::Column::RevokedAt.is_null())
}

/// `true` for the one who ended it; `false` when it was over already or never was.
pub(crate) async fn revoke_session(
    db: &impl ConnectionTrait,
    id: SessionId,
    reason: EndReason,
    now: i64,
) -> Result<bool, DbErr> {
    let updated = revoking(reason, now).filter(session::Column::Id.eq(id.as_uuid())).exec(db).await?;
    Ok(updated.rows_affected > 0)
}

/// Ends the session whose place a sign-in takes; `true` if it was not over yet. One that was over is marked as
/// replaced too: whatever ended it, the client that held it has a newer one now.
pub(crate) async fn replace_session(
    db: &impl ConnectionTrait,
    id: SessionId,
    now: i64,
) -> Result<bool, DbErr> {
    let ended = revoke_session(db, id, EndReason::Replaced, now).await?;
    if !ended {
        session::Entity::update_many()
            .col_expr(session::Column::RevokedReason, Expr::value(EndReason::Replaced.code()))
            .filter(session::Column::Id.eq(id.as_uuid()))
            .exec(db)
            .await?;
    }
    Ok(ended)
}
