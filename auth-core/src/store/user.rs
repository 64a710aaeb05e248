//! Statements about users and their passwords.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, Iterable, JoinType,
    QueryFilter, QuerySelect, RelationTrait,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Insert,
    entity::{deleted_user, password, user, user_role},
    one_time::end_tokens,
    sessions::count_sessions,
    throttle::{Counters, join_counters, read_counters},
};
use crate::{User, UserId, clock::from_millis, email::Email, throttle::Subject, token::device::DeviceSeed};

/// A user with all roles.
#[derive(Debug, Clone)]
pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<i64>,
    pub(crate) disabled_at: Option<i64>,
    pub(crate) epoch: i64,
    pub(crate) created_at: i64,
    pub(crate) roles: Vec<String>,
    pub(crate) roles_version: i64,
    /// Read for a sign-in only. `None`: there is none yet, or it was not read.
    pub(crate) device_seed: Option<DeviceSeed>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            email_verified: row.email_verified_at.is_some(),
            roles: row.roles,
            created_at: from_millis(row.created_at),
            disabled: row.disabled_at.is_some(),
            profile: None,
        }
    }
}

/// A user as a sign-in needs it.
pub(crate) struct LoginRow {
    pub(crate) user: UserRow,
    /// `None` for an account without a password.
    pub(crate) hash: Option<String>,
    /// How many live sessions there are already.
    pub(crate) sessions: u64,
    pub(crate) factors: Factors,
}

/// How many factors of a user stand beside the password.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Factors {
    /// That are asked for after any other.
    pub(crate) due: u64,
    /// That are two at once, and are asked for where two are needed.
    pub(crate) beside: u64,
}

impl Factors {
    pub(crate) fn is_none(self) -> bool {
        self.due == 0 && self.beside == 0
    }
}

/// One line of the join of a user with password and roles: as many lines as roles, at least one.
#[derive(FromQueryResult)]
struct Line {
    id: Uuid,
    email: String,
    email_verified_at: Option<i64>,
    disabled_at: Option<i64>,
    epoch: i64,
    created_at: i64,
    roles_version: i64,
    device_seed: Option<Vec<u8>>,
    hash: Option<String>,
    sessions: i64,
    due: i64,
    beside: i64,
    role: Option<String>,
}

/// `user`, which every account has, then the stored ones in alphabetical order.
pub(crate) fn all_roles(stored: impl Iterator<Item = Option<String>>) -> Vec<String> {
    let mut granted: Vec<String> = stored.flatten().collect();
    granted.sort_unstable();
    granted.insert(0, "user".to_owned());
    granted
}

fn fold(mut lines: Vec<Line>) -> Option<LoginRow> {
    let roles = all_roles(lines.iter_mut().map(|line| line.role.take()));
    let line = lines.into_iter().next()?;
    Some(LoginRow {
        user: UserRow {
            id: line.id.into(),
            email: line.email,
            email_verified_at: line.email_verified_at,
            disabled_at: line.disabled_at,
            epoch: line.epoch,
            created_at: line.created_at,
            roles,
            roles_version: line.roles_version,
            device_seed: line.device_seed.map(DeviceSeed::new),
        },
        hash: line.hash,
        sessions: u64::try_from(line.sessions).unwrap_or(0),
        factors: Factors {
            due: u64::try_from(line.due).unwrap_or(0),
            beside: u64::try_from(line.beside).unwrap_or(0),
        },
    })
}

/// A statement that counts something, as a part of another.
pub(crate) type Count = SelectStatement;

/// How many factors of a user stand: parts of a statement that reads the user as `auth_user`.
pub(crate) struct Standing {
    due: Expr,
    beside: Expr,
}

impl Standing {
    /// The sums of these counts.
    pub(crate) fn of(due: impl Iterator<Item = Count>, beside: impl Iterator<Item = Count>) -> Self {
        Self { due: sum(due), beside: sum(beside) }
    }

    fn not_asked() -> Self {
        Self { due: Expr::value(0_i64), beside: Expr::value(0_i64) }
    }
}

fn sum(counts: impl Iterator<Item = Count>) -> Expr {
    let counts = counts.map(|count| Expr::SubQuery(None, Box::new(count.into())));
    counts.reduce(ExprTrait::add).unwrap_or_else(|| Expr::value(0_i64))
}

/// Whether there is such a user, and what was counted for the address and the device. One statement, and it has a result
/// in any case: beside a single line everything is joined that there is.
pub(crate) async fn find_login(
    db: &impl ConnectionTrait,
    normalized_email: &str,
    subject: Option<Subject>,
    now: i64,
    standing: Standing,
) -> Result<(Option<LoginRow>, Counters), DbErr> {
    let column = |column: user::Column| Expr::col((user::Entity, column));
    let own = |other: Expr| column(user::Column::Id).eq(other);
    let mut query = Query::select();
    query
        .from_subquery(Query::select().expr_as(Expr::value(1), "always").take(), "one")
        .join(JoinType::LeftJoin, user::Entity, column(user::Column::EmailNormalized).eq(normalized_email))
        .join(
            JoinType::LeftJoin,
            password::Entity,
            own(Expr::col((password::Entity, password::Column::UserId))),
        )
        .join(
            JoinType::LeftJoin,
            user_role::Entity,
            own(Expr::col((user_role::Entity, user_role::Column::UserId))),
        )
        .columns(user::Column::iter().map(|column| (user::Entity, column)))
        .column((password::Entity, password::Column::Hash))
        .column((user_role::Entity, user_role::Column::Role))
        .expr_as(Expr::SubQuery(None, Box::new(count_sessions(now).into())), "sessions")
        .expr_as(standing.due, "due")
        .expr_as(standing.beside, "beside");
    if let Some(subject) = subject {
        join_counters(&mut query, subject);
    }
    let rows = db.query_all(&query).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<Option<Uuid>>("", "id")?.is_some() {
            lines.push(Line::from_query_result(row, "")?);
        }
    }
    let counters = match (rows.first(), subject) {
        (Some(row), Some(subject)) => read_counters(row, subject)?,
        _ => Counters::default(),
    };
    Ok((fold(lines), counters))
}

pub(crate) async fn find_user(db: &impl ConnectionTrait, id: UserId) -> Result<Option<UserRow>, DbErr> {
    Ok(find_with(db, id, Expr::value(0_i64), Standing::not_asked()).await?.map(|row| row.user))
}

/// A user as a sign-in without a password needs it.
pub(crate) async fn find_user_with_sessions(
    db: &impl ConnectionTrait,
    id: UserId,
    now: i64,
    standing: Standing,
) -> Result<Option<LoginRow>, DbErr> {
    find_with(db, id, Expr::SubQuery(None, Box::new(count_sessions(now).into())), standing).await
}

async fn find_with(
    db: &impl ConnectionTrait,
    id: UserId,
    sessions: Expr,
    standing: Standing,
) -> Result<Option<LoginRow>, DbErr> {
    let lines = user::Entity::find()
        .column(user_role::Column::Role)
        .expr_as(Expr::value(None::<String>), "hash")
        .expr_as(sessions, "sessions")
        .expr_as(standing.due, "due")
        .expr_as(standing.beside, "beside")
        .join(JoinType::LeftJoin, user::Relation::Role.def())
        .filter(user::Column::Id.eq(id.as_uuid()))
        .into_model::<Line>()
        .all(db)
        .await?;
    Ok(fold(lines))
}

pub(crate) async fn find_user_by_email(
    db: &impl ConnectionTrait,
    normalized_email: &str,
) -> Result<Option<UserRow>, DbErr> {
    let (found, _) = find_login(db, normalized_email, None, 0, Standing::not_asked()).await?;
    Ok(found.map(|row| row.user))
}

/// What a link hangs on, and a way to sign in.
pub(crate) struct LockedUser {
    pub(crate) email: String,
    pub(crate) email_verified: bool,
    pub(crate) disabled: bool,
    pub(crate) epoch: i64,
}

/// Holds a user's row until the end of the transaction. `None`: no such user.
pub(crate) async fn lock_user(db: &impl ConnectionTrait, id: UserId) -> Result<Option<LockedUser>, DbErr> {
    let row = user::Entity::find_by_id(id.as_uuid()).lock_exclusive().one(db).await?;
    Ok(row.map(|row| LockedUser {
        email: row.email,
        email_verified: row.email_verified_at.is_some(),
        disabled: row.disabled_at.is_some(),
        epoch: row.epoch,
    }))
}

#[derive(Clone)]
pub(crate) struct NewUser {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) email_verified: bool,
    /// `None`: an account without a password.
    pub(crate) hash: Option<String>,
    pub(crate) now: i64,
}

/// One insert, and one for the password; run them in a transaction.
pub(crate) async fn insert_user(db: &impl ConnectionTrait, new: NewUser) -> Result<Insert, DbErr> {
    let user = user::ActiveModel {
        id: Set(new.id.as_uuid()),
        email: Set(new.email.typed().to_owned()),
        email_normalized: Set(new.email.normalized().to_owned()),
        email_verified_at: Set(new.email_verified.then_some(new.now)),
        disabled_at: Set(None),
        epoch: Set(0),
        epoch_at: Set(None),
        roles_version: Set(0),
        roles_at: Set(None),
        created_at: Set(new.now),
        updated_at: Set(new.now),
        signed_in_at: Set(None),
        device_seed: Set(None),
    };
    if Insert::of(user::Entity::insert(user).exec_without_returning(db).await)? == Insert::Taken {
        return Ok(Insert::Taken);
    }
    if let Some(hash) = new.hash {
        let password = password::ActiveModel {
            user_id: Set(new.id.as_uuid()),
            hash: Set(hash),
            updated_at: Set(new.now),
        };
        password::Entity::insert(password).exec_without_returning(db).await?;
    }
    Ok(Insert::Done)
}

/// Notes the first sign-in to an account, with the seed for its devices; gives the one that it has from now on. `None`: no such
/// user.
pub(crate) async fn note_first_sign_in(
    db: &impl ConnectionTrait,
    id: UserId,
    seed: DeviceSeed,
    now: i64,
) -> Result<Option<DeviceSeed>, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::SignedInAt, Expr::value(now))
        .col_expr(user::Column::DeviceSeed, Expr::value(seed.expose()))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .filter(user::Column::DeviceSeed.is_null())
        .exec(db)
        .await?;
    if updated.rows_affected > 0 {
        return Ok(Some(seed));
    }
    // Another sign-in was first.
    let row = user::Entity::find_by_id(id.as_uuid()).one(db).await?;
    Ok(row.and_then(|row| row.device_seed).map(DeviceSeed::new))
}

/// Replaces a hash unless somebody else replaced it first.
pub(crate) async fn replace_hash(
    db: &impl ConnectionTrait,
    id: UserId,
    old: &str,
    new: &str,
    now: i64,
) -> Result<bool, DbErr> {
    let updated = password::Entity::update_many()
        .col_expr(password::Column::Hash, Expr::value(new))
        .col_expr(password::Column::UpdatedAt, Expr::value(now))
        .filter(password::Column::UserId.eq(id.as_uuid()))
        .filter(password::Column::Hash.eq(old))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Marks the roles of a user as changed and holds the row until the end of the transaction. `false`: no such
/// user.
pub(crate) async fn touch_roles(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::RolesVersion, Expr::col(user::Column::RolesVersion).add(1))
        .col_expr(user::Column::RolesAt, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Raises the epoch, which ends every session, also one whose row is not written yet, because its sign-in read the old
/// epoch; and ends every link that is on its way. Run it in a transaction. `false`: no such user.
pub(crate) async fn end_all_sessions(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::Epoch, Expr::col(user::Column::Epoch).add(1))
        .col_expr(user::Column::EpochAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .exec(db)
        .await?;
    end_tokens(db, id, now).await?;
    Ok(updated.rows_affected > 0)
}

/// Ends sessions and links as [`end_all_sessions`] does; run it in a transaction. `false`: no such user, or disabled already.
pub(crate) async fn disable_user(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::DisabledAt, Expr::value(now))
        .col_expr(user::Column::Epoch, Expr::col(user::Column::Epoch).add(1))
        .col_expr(user::Column::EpochAt, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .filter(user::Column::DisabledAt.is_null())
        .exec(db)
        .await?;
    end_tokens(db, id, now).await?;
    Ok(updated.rows_affected > 0)
}

/// `false`: no such user, or not disabled.
pub(crate) async fn enable_user(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::DisabledAt, Expr::value(None::<i64>))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .filter(user::Column::DisabledAt.is_not_null())
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Marks the address of a user as proved, if it still is this one. `false`: it is not, or there is no such user.
pub(crate) async fn prove_email(
    db: &impl ConnectionTrait,
    id: UserId,
    email: &Email,
    now: i64,
) -> Result<bool, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::EmailVerifiedAt, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .filter(user::Column::EmailNormalized.eq(email.normalized()))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Gives a user another address, which is proved.
pub(crate) async fn replace_email(
    db: &impl ConnectionTrait,
    id: UserId,
    email: &Email,
    now: i64,
) -> Result<Insert, DbErr> {
    let updated = user::Entity::update_many()
        .col_expr(user::Column::Email, Expr::value(email.typed()))
        .col_expr(user::Column::EmailNormalized, Expr::value(email.normalized()))
        .col_expr(user::Column::EmailVerifiedAt, Expr::value(now))
        .col_expr(user::Column::UpdatedAt, Expr::value(now))
        .filter(user::Column::Id.eq(id.as_uuid()))
        .exec(db)
        .await;
    Insert::of(updated)
}

/// Sets the password, also of a user who has none; run it in a transaction that holds the user's row or the only token.
pub(crate) async fn put_hash(
    db: &impl ConnectionTrait,
    id: UserId,
    hash: &str,
    now: i64,
) -> Result<(), DbErr> {
    let updated = password::Entity::update_many()
        .col_expr(password::Column::Hash, Expr::value(hash))
        .col_expr(password::Column::UpdatedAt, Expr::value(now))
        .filter(password::Column::UserId.eq(id.as_uuid()))
        .exec(db)
        .await?;
    if updated.rows_affected == 0 {
        let first = password::ActiveModel {
            user_id: Set(id.as_uuid()),
            hash: Set(hash.to_owned()),
            updated_at: Set(now),
        };
        password::Entity::insert(first).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Removes a user with all that hangs on them, and leaves the id for other instances to find. `false`: no such user.
pub(crate) async fn delete_user(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<bool, DbErr> {
    let deleted = user::Entity::delete_by_id(id.as_uuid()).exec(db).await?;
    if deleted.rows_affected == 0 {
        return Ok(false);
    }
    let left = deleted_user::ActiveModel { id: Set(id.as_uuid()), deleted_at: Set(now) };
    deleted_user::Entity::insert(left).exec_without_returning(db).await?;
    Ok(true)
}

pub(crate) async fn has_password(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    Ok(password::Entity::find_by_id(user.as_uuid()).one(db).await?.is_some())
}

/// Nobody signs in with it any more.
pub(crate) async fn remove_password(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    password::Entity::delete_by_id(user.as_uuid()).exec(db).await.map(drop)
}
