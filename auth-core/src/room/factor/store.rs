//! Statements about second factors.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::entity::{challenge, failure, recovery_code, totp};
use crate::{
    SessionId, UserId,
    store::{Count, Insert},
    throttle::Counter,
};

/// How many confirmed secrets the user of a statement has: one, or none.
pub(super) fn standing() -> Count {
    Query::select()
        .expr(Expr::col((totp::Entity, totp::Column::UserId)).count())
        .from(totp::Entity)
        .and_where(Expr::col((totp::Entity, totp::Column::UserId)).equals(("auth_user", "id")))
        .and_where(totp::Column::PendingUntil.is_null())
        .take()
}

#[derive(Clone)]
pub(super) struct ChallengeRow {
    pub(super) id: Uuid,
    pub(super) user_id: UserId,
    pub(super) epoch: i64,
    pub(super) seed: Vec<u8>,
    pub(super) purpose: String,
    pub(super) methods: String,
    pub(super) replaces: Option<SessionId>,
    pub(super) session: Option<SessionId>,
    pub(super) expires_at: i64,
}

impl From<challenge::Model> for ChallengeRow {
    fn from(row: challenge::Model) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id.into(),
            epoch: row.epoch,
            seed: row.seed,
            purpose: row.purpose,
            methods: row.methods,
            replaces: row.replaces.map(SessionId::from),
            session: row.session_id.map(SessionId::from),
            expires_at: row.expires_at,
        }
    }
}

/// [`Insert::Taken`]: the session has one already, or the user is gone.
pub(super) async fn insert_challenge(db: &impl ConnectionTrait, new: ChallengeRow) -> Result<Insert, DbErr> {
    let row = challenge::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.user_id.as_uuid()),
        epoch: Set(new.epoch),
        seed: Set(new.seed),
        purpose: Set(new.purpose),
        methods: Set(new.methods),
        replaces: Set(new.replaces.map(SessionId::as_uuid)),
        session_id: Set(new.session.map(SessionId::as_uuid)),
        expires_at: Set(new.expires_at),
    };
    Insert::of_belonging(challenge::Entity::insert(row).exec_without_returning(db).await)
}

pub(super) async fn find_challenge(
    db: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<ChallengeRow>, DbErr> {
    Ok(challenge::Entity::find_by_id(id).one(db).await?.map(ChallengeRow::from))
}

pub(super) async fn find_challenge_of(
    db: &impl ConnectionTrait,
    session: SessionId,
) -> Result<Option<ChallengeRow>, DbErr> {
    let of_session = challenge::Column::SessionId.eq(session.as_uuid());
    Ok(challenge::Entity::find().filter(of_session).one(db).await?.map(ChallengeRow::from))
}

/// Of two who spend it at once one gets `true`.
pub(super) async fn spend_challenge(db: &impl ConnectionTrait, id: Uuid, now: i64) -> Result<bool, DbErr> {
    let spent = challenge::Entity::delete_many()
        .filter(challenge::Column::Id.eq(id))
        .filter(challenge::Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(spent.rows_affected > 0)
}

/// Removes the challenge of a session if it is over.
pub(super) async fn remove_old_challenge(
    db: &impl ConnectionTrait,
    session: SessionId,
    now: i64,
) -> Result<(), DbErr> {
    challenge::Entity::delete_many()
        .filter(challenge::Column::SessionId.eq(session.as_uuid()))
        .filter(challenge::Column::ExpiresAt.lte(now))
        .exec(db)
        .await
        .map(drop)
}

pub(super) struct TotpRow {
    /// As it is stored.
    pub(super) secret: Vec<u8>,
    pub(super) last_step: i64,
    pub(super) created_at: i64,
    /// `None`: it is confirmed, and stands.
    pub(super) pending_until: Option<i64>,
}

pub(super) async fn find_totp(db: &impl ConnectionTrait, user: UserId) -> Result<Option<TotpRow>, DbErr> {
    let row = totp::Entity::find_by_id(user.as_uuid()).one(db).await?;
    Ok(row.map(|row| TotpRow {
        secret: row.secret,
        last_step: row.last_step,
        created_at: row.created_at,
        pending_until: row.pending_until,
    }))
}

/// A secret that waits to be confirmed, in the place of another one that does; run it in a transaction.
/// [`Insert::Taken`]: one stands, or the user is gone.
pub(super) async fn put_pending(
    db: &impl ConnectionTrait,
    user: UserId,
    secret: &[u8],
    now: i64,
    until: i64,
) -> Result<Insert, DbErr> {
    totp::Entity::delete_many()
        .filter(totp::Column::UserId.eq(user.as_uuid()))
        .filter(totp::Column::PendingUntil.is_not_null())
        .exec(db)
        .await?;
    let row = totp::ActiveModel {
        user_id: Set(user.as_uuid()),
        secret: Set(secret.to_vec()),
        last_step: Set(0),
        created_at: Set(now),
        pending_until: Set(Some(until)),
    };
    Insert::of_belonging(totp::Entity::insert(row).exec_without_returning(db).await)
}

/// From now on it stands, if it still is the one that a code was shown of.
pub(super) async fn confirm_totp(
    db: &impl ConnectionTrait,
    user: UserId,
    secret: &[u8],
    step: i64,
    now: i64,
) -> Result<bool, DbErr> {
    let updated = totp::Entity::update_many()
        .col_expr(totp::Column::LastStep, Expr::value(step))
        .col_expr(totp::Column::CreatedAt, Expr::value(now))
        .col_expr(totp::Column::PendingUntil, Expr::value(None::<i64>))
        .filter(totp::Column::UserId.eq(user.as_uuid()))
        .filter(totp::Column::PendingUntil.gt(now))
        .filter(totp::Column::Secret.eq(secret))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Takes a code of this step: each once, and none of an earlier one after it. The secret may be stored anew along with it.
pub(super) async fn use_step(
    db: &impl ConnectionTrait,
    user: UserId,
    (secret, anew): (&[u8], &[u8]),
    step: i64,
) -> Result<bool, DbErr> {
    let updated = totp::Entity::update_many()
        .col_expr(totp::Column::LastStep, Expr::value(step))
        .col_expr(totp::Column::Secret, Expr::value(anew))
        .filter(totp::Column::UserId.eq(user.as_uuid()))
        .filter(totp::Column::PendingUntil.is_null())
        .filter(totp::Column::LastStep.lt(step))
        .filter(totp::Column::Secret.eq(secret))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// `true` for the one who removed it.
pub(super) async fn remove_totp(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    let removed = totp::Entity::delete_by_id(user.as_uuid()).exec(db).await?;
    Ok(removed.rows_affected > 0)
}

/// The salt of a user's set of codes, and a hash of it. `None`: there is none left.
pub(super) async fn find_codes(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<(Vec<u8>, String)>, DbErr> {
    recovery_code::Entity::find()
        .select_only()
        .column(recovery_code::Column::Salt)
        .column(recovery_code::Column::Hash)
        .filter(recovery_code::Column::UserId.eq(user.as_uuid()))
        .into_tuple()
        .all(db)
        .await
}

pub(super) async fn count_codes(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    recovery_code::Entity::find().filter(recovery_code::Column::UserId.eq(user.as_uuid())).count(db).await
}

/// Of two who spend it at once one gets `true`.
pub(super) async fn spend_code(db: &impl ConnectionTrait, user: UserId, hash: &str) -> Result<bool, DbErr> {
    let spent = recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::UserId.eq(user.as_uuid()))
        .filter(recovery_code::Column::Hash.eq(hash))
        .exec(db)
        .await?;
    Ok(spent.rows_affected > 0)
}

pub(super) struct NewCodes {
    pub(super) salt: [u8; 16],
    pub(super) hashes: Vec<(Uuid, String)>,
}

/// A set in the place of the one before; run it in a transaction.
pub(super) async fn put_codes(
    db: &impl ConnectionTrait,
    user: UserId,
    new: &NewCodes,
    now: i64,
) -> Result<(), DbErr> {
    remove_codes(db, user).await?;
    let rows = new.hashes.iter().map(|(id, hash)| recovery_code::ActiveModel {
        id: Set(*id),
        user_id: Set(user.as_uuid()),
        salt: Set(new.salt.to_vec()),
        hash: Set(hash.clone()),
        created_at: Set(now),
    });
    recovery_code::Entity::insert_many(rows).exec_without_returning(db).await.map(drop)
}

pub(super) async fn remove_codes(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    let of_user = recovery_code::Column::UserId.eq(user.as_uuid());
    recovery_code::Entity::delete_many().filter(of_user).exec(db).await.map(drop)
}

/// The end of the year 9999. A row of this time is no try: it locks the codes of its account, whatever factors that has, and is
/// never too old.
pub(super) const LOCKED_UNTIL: i64 = 253_402_300_799_000;
/// In the place of the network in such a row.
const LOCK: &str = "locked";

/// Takes no code from now on. In a transaction that holds the user's row. `true` for the first.
pub(super) async fn lock_codes(db: &impl ConnectionTrait, id: Uuid, user: UserId) -> Result<bool, DbErr> {
    if is_locked(db, user).await? {
        return Ok(false);
    }
    insert_try(db, id, user, LOCK, LOCKED_UNTIL).await?;
    Ok(true)
}

pub(super) async fn is_locked(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    let locks = failure::Entity::find()
        .filter(failure::Column::UserId.eq(user.as_uuid()))
        .filter(failure::Column::At.eq(LOCKED_UNTIL))
        .count(db)
        .await?;
    Ok(locks > 0)
}

#[derive(FromQueryResult)]
struct Tried {
    failures: i64,
    tried_at: Option<i64>,
}

/// The codes that were tried since then without one that was right. `None`: they are locked.
pub(super) async fn count_tries(
    db: &impl ConnectionTrait,
    user: UserId,
    since: i64,
) -> Result<Option<Counter>, DbErr> {
    let tried = failure::Entity::find()
        .select_only()
        .column_as(failure::Column::Id.count(), "failures")
        .column_as(failure::Column::At.max(), "tried_at")
        .filter(failure::Column::UserId.eq(user.as_uuid()))
        .filter(failure::Column::At.gt(since))
        .into_model::<Tried>()
        .one(db)
        .await?;
    let counter = tried.map_or_else(Counter::default, |tried| Counter {
        failures: tried.failures,
        tried_at: tried.tried_at.unwrap_or_default(),
    });
    Ok(Some(counter).filter(|counter| counter.tried_at != LOCKED_UNTIL))
}

pub(super) async fn insert_try(
    db: &impl ConnectionTrait,
    id: Uuid,
    user: UserId,
    network: &str,
    now: i64,
) -> Result<(), DbErr> {
    let row = failure::ActiveModel {
        id: Set(id),
        user_id: Set(user.as_uuid()),
        network: Set(network.to_owned()),
        at: Set(now),
    };
    failure::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Of one network; or of all, and then codes that were locked are open.
pub(super) async fn forget_tries(
    db: &impl ConnectionTrait,
    user: UserId,
    network: Option<&str>,
) -> Result<(), DbErr> {
    let mut forget = failure::Entity::delete_many().filter(failure::Column::UserId.eq(user.as_uuid()));
    if let Some(network) = network {
        forget = forget.filter(failure::Column::Network.eq(network));
    }
    forget.exec(db).await.map(drop)
}

/// Takes back one that was not looked at.
pub(super) async fn take_back_try(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    failure::Entity::delete_by_id(id).exec(db).await.map(drop)
}

/// How many have a factor that stands.
pub(super) async fn count_enrolled(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    totp::Entity::find().filter(totp::Column::PendingUntil.is_null()).count(db).await
}

/// Secrets that stand from now on; run it in a transaction.
pub(super) async fn insert_totps(
    db: &impl ConnectionTrait,
    secrets: Vec<(UserId, Vec<u8>)>,
    last_step: i64,
    now: i64,
) -> Result<(), DbErr> {
    if secrets.is_empty() {
        return Ok(());
    }
    let rows = secrets.into_iter().map(|(user, secret)| totp::ActiveModel {
        user_id: Set(user.as_uuid()),
        secret: Set(secret),
        last_step: Set(last_step),
        created_at: Set(now),
        pending_until: Set(None),
    });
    totp::Entity::insert_many(rows).exec_without_returning(db).await.map(drop)
}

/// Those that stand, of the users from one id to another.
pub(super) async fn find_totps(
    db: &impl ConnectionTrait,
    first: UserId,
    last: UserId,
) -> Result<Vec<(UserId, Vec<u8>)>, DbErr> {
    let rows = totp::Entity::find()
        .filter(totp::Column::UserId.between(first.as_uuid(), last.as_uuid()))
        .filter(totp::Column::PendingUntil.is_null())
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.user_id.into(), row.secret)).collect())
}
