//! Statements about many accounts at once, for those who move in and out.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait,
    QueryFilter, QuerySelect,
};
use uuid::Uuid;

use crate::{
    Password, Profile, UserId,
    email::Email,
    store::{
        Insert,
        entity::{deleted_user, password, user, user_role},
        find_usernames, insert_profiles,
    },
};

/// An account with all that belongs to it.
pub(crate) struct NewAccount<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a Email,
    pub(crate) email_verified: bool,
    pub(crate) disabled: bool,
    pub(crate) created_at: i64,
    pub(crate) roles: &'a BTreeSet<String>,
    pub(crate) hash: Option<&'a Password>,
    pub(crate) profile: &'a Profile,
}

/// Which of some ids and addresses have an account.
pub(crate) struct Held {
    /// The normalised address of each.
    pub(crate) by_id: HashMap<Uuid, String>,
    /// When each was made.
    pub(crate) by_email: HashMap<String, i64>,
    /// Deleted so lately that access tokens may live.
    pub(crate) deleted: HashSet<Uuid>,
    /// User names, in the form by which they are compared.
    pub(crate) usernames: HashSet<String>,
}

/// Run it in a transaction.
pub(crate) async fn find_held(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    emails: &[&str],
    usernames: &[String],
) -> Result<Held, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        // It would keep the plan that it made while the tables were empty: to look at each row for each value.
        db.execute_unprepared("SET LOCAL plan_cache_mode = force_custom_plan").await?;
    }
    let mut held = Held {
        by_id: HashMap::new(),
        by_email: HashMap::new(),
        deleted: HashSet::new(),
        usernames: find_usernames(db, usernames).await?.into_iter().collect(),
    };
    let columns = || {
        let columns = [user::Column::Id, user::Column::EmailNormalized, user::Column::CreatedAt];
        user::Entity::find().select_only().columns(columns)
    };
    if !ids.is_empty() {
        let users = columns().filter(user::Column::Id.is_in(ids.iter().copied()));
        let users: Vec<(Uuid, String, i64)> = users.into_tuple().all(db).await?;
        held.by_id = users.into_iter().map(|(id, email, _)| (id, email)).collect();
        let deleted = deleted_user::Entity::find()
            .filter(deleted_user::Column::Id.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        held.deleted = deleted.into_iter().map(|row| row.id).collect();
    }
    if !emails.is_empty() {
        let users = columns().filter(user::Column::EmailNormalized.is_in(emails.iter().copied()));
        let users: Vec<(Uuid, String, i64)> = users.into_tuple().all(db).await?;
        held.by_email = users.into_iter().map(|(_, email, created_at)| (email, created_at)).collect();
    }
    Ok(held)
}

/// At most four inserts, however many accounts; run them in a transaction.
pub(crate) async fn insert_accounts(
    db: &impl ConnectionTrait,
    new: &[NewAccount<'_>],
    now: i64,
) -> Result<Insert, DbErr> {
    let users = new.iter().map(|new| user::ActiveModel {
        id: Set(new.id.as_uuid()),
        email: Set(new.email.typed().to_owned()),
        email_normalized: Set(new.email.normalized().to_owned()),
        email_verified_at: Set(new.email_verified.then_some(now)),
        disabled_at: Set(new.disabled.then_some(now)),
        epoch: Set(0),
        epoch_at: Set(None),
        roles_version: Set(0),
        roles_at: Set(None),
        created_at: Set(new.created_at),
        updated_at: Set(now),
        // Perhaps where they come from: it is not known.
        signed_in_at: Set(Some(0)),
        device_seed: Set(None),
    });
    if Insert::of(insert(db, users.collect()).await)? == Insert::Taken {
        return Ok(Insert::Taken);
    }
    let passwords = new.iter().filter_map(|new| {
        let hash = new.hash?.expose().to_owned();
        Some(password::ActiveModel { user_id: Set(new.id.as_uuid()), hash: Set(hash), updated_at: Set(now) })
    });
    insert(db, passwords.collect()).await?;
    let roles = new.iter().flat_map(|new| {
        let row = |role: &String| user_role::ActiveModel {
            user_id: Set(new.id.as_uuid()),
            role: Set(role.clone()),
        };
        new.roles.iter().map(row)
    });
    insert(db, roles.collect()).await?;
    insert_profiles(db, new.iter().map(|new| (new.id, new.profile))).await
}

async fn insert<A: ActiveModelTrait>(db: &impl ConnectionTrait, rows: Vec<A>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    A::Entity::insert_many(rows).exec_without_returning(db).await.map(drop)
}

/// The stored passwords of the users from one id to another.
pub(crate) async fn find_hashes(
    db: &impl ConnectionTrait,
    first: UserId,
    last: UserId,
) -> Result<HashMap<UserId, String>, DbErr> {
    let between = password::Column::UserId.between(first.as_uuid(), last.as_uuid());
    let rows = password::Entity::find().filter(between).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.user_id.into(), row.hash)).collect())
}
