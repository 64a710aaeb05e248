//! Statements about passkeys.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::entity::{challenge, passkey};
use crate::{
    Config, UserId,
    room::factor::{entity::failure, store::LOCKED_UNTIL},
    store::{Count, Insert},
};

/// How many passkeys the user of a statement can show here: one for another site cannot be.
pub(crate) fn beside(config: &Config) -> Count {
    // None is for a site without a name.
    let site = config.passkeys.site().unwrap_or_default();
    Query::select()
        .expr(Expr::col((passkey::Entity, passkey::Column::Id)).count())
        .from(passkey::Entity)
        .and_where(Expr::col((passkey::Entity, passkey::Column::UserId)).equals(("auth_user", "id")))
        .and_where(Expr::col((passkey::Entity, passkey::Column::RpId)).eq(site))
        .take()
}

/// As much of a row as its owner may see.
#[derive(Clone)]
pub(crate) struct PasskeyRow {
    pub(crate) id: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) rp_id: String,
    pub(crate) name: String,
    pub(crate) aaguid: Uuid,
    pub(crate) transports: String,
    pub(crate) counter: i64,
    pub(crate) backup_eligible: bool,
    pub(crate) backed_up: bool,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

impl From<passkey::Model> for PasskeyRow {
    fn from(row: passkey::Model) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id.into(),
            credential_id: row.credential_id,
            public_key: row.public_key,
            rp_id: row.rp_id,
            name: row.name,
            aaguid: row.aaguid,
            transports: row.transports,
            counter: row.counter,
            backup_eligible: row.backup_eligible,
            backed_up: row.backed_up,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// What has been guessed at the codes of whom a passkey belongs to.
#[derive(Clone, Copy, FromQueryResult)]
pub(crate) struct Guessed {
    pub(crate) tries: i64,
    pub(crate) locked: i64,
}

/// The passkey with this credential, and what was guessed at its owner's codes since then. One statement.
pub(crate) async fn find_passkey(
    db: &impl ConnectionTrait,
    credential_hash: &[u8; 32],
    rp_id: &str,
    since: i64,
) -> Result<Option<(PasskeyRow, Guessed)>, DbErr> {
    let at = || Expr::col((failure::Entity, failure::Column::At));
    let of_owner = |when: Expr| {
        let user = Expr::col((failure::Entity, failure::Column::UserId));
        Query::select()
            .expr(Expr::col((failure::Entity, failure::Column::Id)).count())
            .from(failure::Entity)
            .and_where(user.equals((passkey::Entity, passkey::Column::UserId)))
            .and_where(when)
            .take()
    };
    let (tries, locked) = (of_owner(at().gt(since)), of_owner(at().eq(LOCKED_UNTIL)));
    let mut find = passkey::Entity::find()
        .filter(passkey::Column::CredentialHash.eq(&credential_hash[..]))
        .filter(passkey::Column::RpId.eq(rp_id));
    QuerySelect::query(&mut find)
        .expr_as(Expr::SubQuery(None, Box::new(tries.into())), "tries")
        .expr_as(Expr::SubQuery(None, Box::new(locked.into())), "locked");
    let Some(row) = db.query_one(QuerySelect::query(&mut find)).await? else { return Ok(None) };
    let passkey = passkey::Model::from_query_result(&row, "")?;
    Ok(Some((passkey.into(), Guessed::from_query_result(&row, "")?)))
}

/// The oldest first, whatever site they are for.
pub(crate) async fn list_passkeys(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<PasskeyRow>, DbErr> {
    let rows = passkey::Entity::find()
        .filter(passkey::Column::UserId.eq(user.as_uuid()))
        .order_by_asc(passkey::Column::CreatedAt)
        .order_by_asc(passkey::Column::Id)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(PasskeyRow::from).collect())
}

pub(crate) async fn count_passkeys(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    passkey::Entity::find().filter(passkey::Column::UserId.eq(user.as_uuid())).count(db).await
}

/// [`Insert::Taken`]: somebody has this credential, or the user is gone.
pub(crate) async fn insert_passkey(
    db: &impl ConnectionTrait,
    new: PasskeyRow,
    credential_hash: &[u8; 32],
) -> Result<Insert, DbErr> {
    let row = passkey::ActiveModel {
        id: Set(new.id),
        user_id: Set(new.user_id.as_uuid()),
        credential_hash: Set(credential_hash.to_vec()),
        credential_id: Set(new.credential_id),
        public_key: Set(new.public_key),
        rp_id: Set(new.rp_id),
        name: Set(new.name),
        aaguid: Set(new.aaguid),
        transports: Set(new.transports),
        counter: Set(new.counter),
        backup_eligible: Set(new.backup_eligible),
        backed_up: Set(new.backed_up),
        created_at: Set(new.created_at),
        last_used_at: Set(new.last_used_at),
    };
    Insert::of_belonging(passkey::Entity::insert(row).exec_without_returning(db).await)
}

/// What a use of a passkey leaves in its row.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    pub(crate) counter: i64,
    pub(crate) backup_eligible: bool,
    pub(crate) backed_up: bool,
    pub(crate) now: i64,
}

/// `false`: it is gone, or `only_upward` and its counter has not gone up.
pub(crate) async fn use_passkey(
    db: &impl ConnectionTrait,
    id: Uuid,
    used: Used,
    only_upward: bool,
) -> Result<bool, DbErr> {
    let mut update = passkey::Entity::update_many()
        .col_expr(passkey::Column::Counter, Expr::value(used.counter))
        .col_expr(passkey::Column::BackupEligible, Expr::value(used.backup_eligible))
        .col_expr(passkey::Column::BackedUp, Expr::value(used.backed_up))
        .col_expr(passkey::Column::LastUsedAt, Expr::value(used.now))
        .filter(passkey::Column::Id.eq(id));
    if only_upward && used.counter > 0 {
        update = update.filter(passkey::Column::Counter.lt(used.counter));
    } else if only_upward {
        update = update.filter(passkey::Column::Counter.eq(0));
    }
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// `false`: the user has no such passkey, or it is called so already.
pub(crate) async fn rename_passkey(
    db: &impl ConnectionTrait,
    user: UserId,
    id: Uuid,
    name: &str,
) -> Result<bool, DbErr> {
    let renamed = passkey::Entity::update_many()
        .col_expr(passkey::Column::Name, Expr::value(name))
        .filter(passkey::Column::Id.eq(id))
        .filter(passkey::Column::UserId.eq(user.as_uuid()))
        .exec(db)
        .await?;
    Ok(renamed.rows_affected > 0)
}

/// `false`: the user has no such passkey.
pub(crate) async fn remove_passkey(db: &impl ConnectionTrait, user: UserId, id: Uuid) -> Result<bool, DbErr> {
    let removed = passkey::Entity::delete_many()
        .filter(passkey::Column::Id.eq(id))
        .filter(passkey::Column::UserId.eq(user.as_uuid()))
        .exec(db)
        .await?;
    Ok(removed.rows_affected > 0)
}

pub(crate) async fn remove_passkeys(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    let of_user = passkey::Column::UserId.eq(user.as_uuid());
    passkey::Entity::delete_many().filter(of_user).exec(db).await.map(drop)
}

/// [`Insert::Taken`]: it was answered already.
pub(crate) async fn spend(db: &impl ConnectionTrait, id: Uuid, expires_at: i64) -> Result<Insert, DbErr> {
    let row = challenge::ActiveModel { id: Set(id), expires_at: Set(expires_at) };
    Insert::of(challenge::Entity::insert(row).exec_without_returning(db).await)
}

/// How many passkeys there are for this site, and for others.
pub(crate) async fn count_by_site(
    db: &impl ConnectionTrait,
    rp_id: Option<&str>,
) -> Result<(u64, u64), DbErr> {
    let all = passkey::Entity::find().count(db).await?;
    let ours = match rp_id {
        Some(rp_id) => passkey::Entity::find().filter(passkey::Column::RpId.eq(rp_id)).count(db).await?,
        None => 0,
    };
    Ok((ours, all.saturating_sub(ours)))
}
