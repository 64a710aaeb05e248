//! Statements about keys, service accounts and their tokens.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, JoinType,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, RelationDef, Select,
    sea_query::{Condition, Expr, ExprTrait, IntoCondition},
};
use uuid::Uuid;

use super::{
    Owner,
    entity::{ended_token, key, service},
};
use crate::{
    ApiKeyId, UserId,
    revocation::Ended,
    store::{
        Insert, all_roles,
        entity::{deleted_user, user, user_role},
    },
    token::api_key::Digest,
};

/// A key with what its owner is at this moment.
#[derive(Debug, Clone)]
pub(super) struct KeyRow {
    pub(super) id: ApiKeyId,
    pub(super) owner: Owner,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) hint: String,
    pub(super) created_at: i64,
    /// `None`: never.
    pub(super) expires_at: Option<i64>,
    pub(super) revoked_at: Option<i64>,
    pub(super) last_used_at: Option<i64>,
    pub(super) owner_is_disabled: bool,
    pub(super) roles: Vec<String>,
    pub(super) roles_version: i64,
}

impl KeyRow {
    /// Whether it opens anything.
    pub(super) fn is_alive(&self, now: i64) -> bool {
        self.revoked_at.is_none()
            && !self.owner_is_disabled
            && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// One line of the join of a key with its owner and the owner's roles.
#[derive(FromQueryResult)]
struct Line {
    id: Uuid,
    user_id: Option<Uuid>,
    service_id: Option<Uuid>,
    name: String,
    scopes: String,
    hint: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
    user_disabled_at: Option<i64>,
    user_version: Option<i64>,
    role: Option<String>,
    service_disabled_at: Option<i64>,
    service_version: Option<i64>,
    service_roles: Option<String>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The lines of one key, which is somebody's.
fn fold(lines: Vec<Line>) -> Option<KeyRow> {
    let stored: Vec<Option<String>> = lines.iter().map(|line| line.role.clone()).collect();
    let line = lines.into_iter().next()?;
    let (owner, disabled_at, version, roles) = match (line.user_id, line.service_id) {
        (Some(user), None) => {
            let roles = all_roles(stored.into_iter());
            (Owner::Person(user.into()), line.user_disabled_at, line.user_version, roles)
        }
        (None, Some(service)) => {
            let roles = words(&line.service_roles.unwrap_or_default());
            (Owner::Service(service.into()), line.service_disabled_at, line.service_version, roles)
        }
        _ => return None,
    };
    Some(KeyRow {
        id: line.id.into(),
        owner,
        name: line.name,
        scopes: words(&line.scopes),
        hint: line.hint,
        created_at: line.created_at,
        expires_at: line.expires_at,
        revoked_at: line.revoked_at,
        last_used_at: line.last_used_at,
        owner_is_disabled: disabled_at.is_some(),
        roles,
        roles_version: version.unwrap_or_default(),
    })
}

fn keys() -> Select<key::Entity> {
    let to_user: RelationDef =
        key::Entity::belongs_to(user::Entity).from(key::Column::UserId).to(user::Column::Id).into();
    let to_role: RelationDef = key::Entity::belongs_to(user_role::Entity)
        .from(key::Column::UserId)
        .to(user_role::Column::UserId)
        .into();
    let to_service: RelationDef =
        key::Entity::belongs_to(service::Entity).from(key::Column::ServiceId).to(service::Column::Id).into();
    key::Entity::find()
        .column_as(user::Column::DisabledAt, "user_disabled_at")
        .column_as(user::Column::RolesVersion, "user_version")
        .column(user_role::Column::Role)
        .column_as(service::Column::DisabledAt, "service_disabled_at")
        .column_as(service::Column::Version, "service_version")
        .column_as(service::Column::Roles, "service_roles")
        .join(JoinType::LeftJoin, to_user)
        .join(JoinType::LeftJoin, to_role)
        .join(JoinType::LeftJoin, to_service)
}

/// The key of this text, with its owner: one statement.
pub(super) async fn find_key_by_digest(
    db: &impl ConnectionTrait,
    digest: Digest,
) -> Result<Option<KeyRow>, DbErr> {
    let lines = keys().filter(key::Column::Hash.eq(digest.to_vec())).into_model::<Line>().all(db).await?;
    Ok(fold(lines))
}

pub(super) async fn find_key(db: &impl ConnectionTrait, id: ApiKeyId) -> Result<Option<KeyRow>, DbErr> {
    Ok(fold(keys().filter(key::Column::Id.eq(id.as_uuid())).into_model::<Line>().all(db).await?))
}

fn of_owner(owner: Owner) -> Condition {
    match owner {
        Owner::Person(user) => key::Column::UserId.eq(user.as_uuid()).into_condition(),
        Owner::Service(service) => key::Column::ServiceId.eq(service.as_uuid()).into_condition(),
    }
}

/// Neither revoked nor expired.
fn is_open(now: i64) -> Condition {
    Condition::all()
        .add(key::Column::RevokedAt.is_null())
        .add(Condition::any().add(key::Column::ExpiresAt.is_null()).add(key::Column::ExpiresAt.gt(now)))
}

/// Open keys of somebody, or of all, the newest first.
pub(super) async fn list_keys(
    db: &impl ConnectionTrait,
    owner: Option<Owner>,
    now: i64,
) -> Result<Vec<KeyRow>, DbErr> {
    let mut query = keys().filter(is_open(now));
    if let Some(owner) = owner {
        query = query.filter(of_owner(owner));
    }
    let lines = query.order_by_desc(key::Column::Id).into_model::<Line>().all(db).await?;
    // The lines of one key stand side by side.
    let mut of_keys: Vec<Vec<Line>> = Vec::new();
    for line in lines {
        match of_keys.last_mut() {
            Some(of_key) if of_key.first().is_some_and(|first| first.id == line.id) => of_key.push(line),
            _ => of_keys.push(vec![line]),
        }
    }
    Ok(of_keys.into_iter().filter_map(fold).collect())
}

pub(super) async fn count_open_keys(db: &impl ConnectionTrait, owner: Owner, now: i64) -> Result<u64, DbErr> {
    key::Entity::find().filter(of_owner(owner)).filter(is_open(now)).count(db).await
}

/// Keys in use whose scopes have this word in them.
pub(super) async fn count_keys_for(db: &impl ConnectionTrait, scope: &str, now: i64) -> Result<usize, DbErr> {
    let scopes: Vec<String> = key::Entity::find()
        .select_only()
        .column(key::Column::Scopes)
        .filter(is_open(now))
        .filter(key::Column::Scopes.contains(scope))
        .into_tuple()
        .all(db)
        .await?;
    Ok(scopes.iter().filter(|scopes| scopes.split(' ').any(|one| one == scope)).count())
}

/// Keys in use that never expire.
pub(super) async fn count_endless_keys(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let endless = key::Column::RevokedAt.is_null().and(key::Column::ExpiresAt.is_null());
    key::Entity::find().filter(endless).count(db).await
}

#[derive(Clone)]
pub(super) struct NewKey {
    pub(super) id: ApiKeyId,
    pub(super) owner: Owner,
    pub(super) name: String,
    pub(super) digest: Digest,
    pub(super) hint: String,
    pub(super) scopes: Vec<String>,
    pub(super) now: i64,
    pub(super) expires_at: Option<i64>,
}

/// [`Insert::Taken`]: the owner is gone.
pub(super) async fn insert_key(db: &impl ConnectionTrait, new: NewKey) -> Result<Insert, DbErr> {
    let (user, service) = match new.owner {
        Owner::Person(user) => (Some(user.as_uuid()), None),
        Owner::Service(service) => (None, Some(service.as_uuid())),
    };
    let row = key::ActiveModel {
        id: Set(new.id.as_uuid()),
        user_id: Set(user),
        service_id: Set(service),
        name: Set(new.name),
        hash: Set(new.digest.to_vec()),
        hint: Set(new.hint),
        scopes: Set(new.scopes.join(" ")),
        created_at: Set(new.now),
        expires_at: Set(new.expires_at),
        revoked_at: Set(None),
        rotated_at: Set(None),
        last_used_at: Set(None),
    };
    Insert::of_belonging(key::Entity::insert(row).exec_without_returning(db).await)
}

/// `true` for the one who ended it.
pub(super) async fn revoke_key(db: &impl ConnectionTrait, id: ApiKeyId, now: i64) -> Result<bool, DbErr> {
    let updated = key::Entity::update_many()
        .col_expr(key::Column::RevokedAt, Expr::value(now))
        .filter(key::Column::Id.eq(id.as_uuid()))
        .filter(is_open(now))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Another key takes the place of this one, which goes on until `until`, or not at all. `true` for the one whose is it.
pub(super) async fn rotate_key(
    db: &impl ConnectionTrait,
    id: ApiKeyId,
    until: i64,
    now: i64,
) -> Result<bool, DbErr> {
    let mut update = key::Entity::update_many()
        .col_expr(key::Column::RotatedAt, Expr::value(now))
        .col_expr(key::Column::ExpiresAt, Expr::value(until));
    if until <= now {
        update = update.col_expr(key::Column::RevokedAt, Expr::value(now));
    }
    let updated = update
        .filter(key::Column::Id.eq(id.as_uuid()))
        .filter(key::Column::RotatedAt.is_null())
        .filter(is_open(now))
        .exec(db)
        .await?;
    Ok(updated.rows_affected > 0)
}

/// Notes a use, unless a later one than `before` is noted.
pub(super) async fn use_key(
    db: &impl ConnectionTrait,
    id: ApiKeyId,
    before: i64,
    now: i64,
) -> Result<(), DbErr> {
    key::Entity::update_many()
        .col_expr(key::Column::LastUsedAt, Expr::value(now))
        .filter(key::Column::Id.eq(id.as_uuid()))
        .filter(
            Condition::any().add(key::Column::LastUsedAt.is_null()).add(key::Column::LastUsedAt.lt(before)),
        )
        .exec(db)
        .await
        .map(drop)
}

#[derive(Debug, Clone)]
pub(super) struct ServiceRow {
    pub(super) id: UserId,
    pub(super) name: String,
    pub(super) roles: Vec<String>,
    pub(super) created_at: i64,
    pub(super) is_disabled: bool,
}

impl From<service::Model> for ServiceRow {
    fn from(row: service::Model) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            roles: words(&row.roles),
            created_at: row.created_at,
            is_disabled: row.disabled_at.is_some(),
        }
    }
}

pub(super) async fn insert_service(db: &impl ConnectionTrait, new: ServiceRow) -> Result<(), DbErr> {
    let row = service::ActiveModel {
        id: Set(new.id.as_uuid()),
        name: Set(new.name),
        roles: Set(new.roles.join(" ")),
        version: Set(0),
        changed_at: Set(None),
        disabled_at: Set(None),
        created_at: Set(new.created_at),
    };
    service::Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(super) async fn find_service(db: &impl ConnectionTrait, id: UserId) -> Result<Option<ServiceRow>, DbErr> {
    Ok(service::Entity::find_by_id(id.as_uuid()).one(db).await?.map(ServiceRow::from))
}

/// Holds the row until the end of the transaction. `false`: no such account.
pub(super) async fn lock_service(txn: &DatabaseTransaction, id: UserId) -> Result<bool, DbErr> {
    Ok(service::Entity::find_by_id(id.as_uuid()).lock_exclusive().one(txn).await?.is_some())
}

/// In the order in which they came, from after `after`.
pub(super) async fn list_services(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<ServiceRow>, DbErr> {
    let mut query = service::Entity::find();
    if let Some(after) = after {
        query = query.filter(service::Column::Id.gt(after));
    }
    let rows = query.order_by_asc(service::Column::Id).limit(limit).all(db).await?;
    Ok(rows.into_iter().map(ServiceRow::from).collect())
}

/// What is to be different about a service account.
pub(super) struct ServiceUpdate<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) roles: Option<String>,
    pub(super) disabled: Option<bool>,
}

/// Changes what is given; another role or state ends the tokens from before. `false`: no such account.
pub(super) async fn update_service(
    db: &impl ConnectionTrait,
    id: UserId,
    change: &ServiceUpdate<'_>,
    now: i64,
) -> Result<bool, DbErr> {
    // First something that changes nothing: a statement has to set something.
    let mut update =
        service::Entity::update_many().col_expr(service::Column::Id, Expr::col(service::Column::Id));
    if change.roles.is_some() || change.disabled.is_some() {
        update = update
            .col_expr(service::Column::Version, Expr::col(service::Column::Version).add(1))
            .col_expr(service::Column::ChangedAt, Expr::value(now));
    }
    if let Some(name) = change.name {
        update = update.col_expr(service::Column::Name, Expr::value(name));
    }
    if let Some(roles) = &change.roles {
        update = update.col_expr(service::Column::Roles, Expr::value(roles.as_str()));
    }
    if let Some(disabled) = change.disabled {
        update = update.col_expr(service::Column::DisabledAt, Expr::value(disabled.then_some(now)));
    }
    let updated = update.filter(service::Column::Id.eq(id.as_uuid())).exec(db).await?;
    Ok(updated.rows_affected > 0)
}

/// Removes a service account with its keys, and leaves its id for other instances to find. `false`: no such account.
pub(super) async fn delete_service(db: &impl ConnectionTrait, id: UserId, now: i64) -> Result<bool, DbErr> {
    let deleted = service::Entity::delete_by_id(id.as_uuid()).exec(db).await?;
    if deleted.rows_affected == 0 {
        return Ok(false);
    }
    let left = deleted_user::ActiveModel { id: Set(id.as_uuid()), deleted_at: Set(now) };
    deleted_user::Entity::insert(left).exec_without_returning(db).await?;
    Ok(true)
}

/// [`Insert::Taken`]: it is ended already.
pub(super) async fn end_token(db: &impl ConnectionTrait, id: Uuid, now: i64) -> Result<Insert, DbErr> {
    let row = ended_token::ActiveModel { id: Set(id), ended_at: Set(now) };
    Insert::of(ended_token::Entity::insert(row).exec_without_returning(db).await)
}

pub(super) async fn is_token_ended(db: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    Ok(ended_token::Entity::find_by_id(id).one(db).await?.is_some())
}

/// Keys and tokens that ended, and service accounts that were changed: three statements on indexed columns.
pub(super) async fn ended_since(db: &impl ConnectionTrait, since: i64, now: i64) -> Result<Ended, DbErr> {
    // No token outlives the end that its key had when it was issued; a rotation may bring that end forward.
    let outlived = Condition::all()
        .add(key::Column::RotatedAt.is_not_null())
        .add(key::Column::ExpiresAt.gt(since))
        .add(key::Column::ExpiresAt.lte(now));
    let keys: Vec<(Uuid, Option<i64>, Option<i64>)> = key::Entity::find()
        .select_only()
        .columns([key::Column::Id, key::Column::RevokedAt, key::Column::ExpiresAt])
        .filter(Condition::any().add(key::Column::RevokedAt.gt(since)).add(outlived))
        .into_tuple()
        .all(db)
        .await?;
    let end = |(id, revoked, expires): (Uuid, Option<i64>, Option<i64>)| Some((id, revoked.or(expires)?));
    let mut ids: Vec<(Uuid, i64)> = keys.into_iter().filter_map(end).collect();
    let tokens: Vec<(Uuid, i64)> = ended_token::Entity::find()
        .select_only()
        .columns([ended_token::Column::Id, ended_token::Column::EndedAt])
        .filter(ended_token::Column::EndedAt.gt(since))
        .into_tuple()
        .all(db)
        .await?;
    ids.extend(tokens);
    let changed: Vec<(Uuid, i64, i64)> = service::Entity::find()
        .select_only()
        .columns([service::Column::Id, service::Column::Version, service::Column::ChangedAt])
        .filter(service::Column::ChangedAt.gt(since))
        .into_tuple()
        .all(db)
        .await?;
    let roles = changed.into_iter().map(|(id, version, at)| (id.into(), version, at)).collect();
    Ok(Ended { ids, roles, ..Ended::default() })
}
