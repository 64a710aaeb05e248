//! Statements about what accounts tell beside their address.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, JoinType, Query},
};

use super::{
    Insert,
    entity::{profile, user},
};
use crate::{
    Profile, UserId,
    profile::{Object, folded},
};

/// How much of a name can be looked for, in characters.
pub(super) const FOLDED_MAX: usize = 100;

/// Those of some users who have one.
pub(crate) async fn find_profiles(
    db: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<HashMap<UserId, Profile>, DbErr> {
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = users.iter().map(|user| user.as_uuid());
    let rows = profile::Entity::find().filter(profile::Column::UserId.is_in(ids)).all(db).await?;
    rows.into_iter().map(|row| Ok((row.user_id.into(), read_profile(row)?))).collect()
}

/// `None`: the user tells nothing yet.
pub(crate) async fn find_profile(db: &impl ConnectionTrait, user: UserId) -> Result<Option<Profile>, DbErr> {
    profile::Entity::find_by_id(user.as_uuid()).one(db).await?.map(read_profile).transpose()
}

/// The address, as it was typed, of the account that has this user name.
pub(crate) async fn find_email_by_username(
    db: &impl ConnectionTrait,
    normalized: &str,
) -> Result<Option<String>, DbErr> {
    let (of_profile, of_user) = (
        |column: profile::Column| Expr::col((profile::Entity, column)),
        |column: user::Column| Expr::col((user::Entity, column)),
    );
    let query = Query::select()
        .column((user::Entity, user::Column::Email))
        .from(profile::Entity)
        .join(
            JoinType::InnerJoin,
            user::Entity,
            of_user(user::Column::Id).eq(of_profile(profile::Column::UserId)),
        )
        .and_where(of_profile(profile::Column::UsernameNormalized).eq(normalized))
        .take();
    db.query_one(&query).await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// Those of these user names, in their normal form, that somebody has.
pub(crate) async fn find_usernames(
    db: &impl ConnectionTrait,
    normalized: &[String],
) -> Result<Vec<String>, DbErr> {
    if normalized.is_empty() {
        return Ok(Vec::new());
    }
    let names = profile::Column::UsernameNormalized.is_in(normalized);
    let rows = profile::Entity::find().filter(names).all(db).await?;
    Ok(rows.into_iter().filter_map(|row| row.username_normalized).collect())
}

/// Writes the first profile of new users.
pub(crate) async fn insert_profiles(
    db: &impl ConnectionTrait,
    new: impl IntoIterator<Item = (UserId, &Profile)>,
) -> Result<Insert, DbErr> {
    let rows: Vec<_> = new.into_iter().filter(|(_, profile)| !profile.is_empty()).collect();
    if rows.is_empty() {
        return Ok(Insert::Done);
    }
    let rows = rows.into_iter().map(|(user, profile)| row(user, profile).into_active_model());
    Insert::of(profile::Entity::insert_many(rows).exec_without_returning(db).await)
}

/// Puts a profile in the place of the one that was read. Run it in a transaction that holds the user's row.
pub(crate) async fn put_profile(
    db: &impl ConnectionTrait,
    user: UserId,
    is_first: bool,
    new: &Profile,
) -> Result<Insert, DbErr> {
    if is_first {
        return insert_profiles(db, [(user, new)]).await;
    }
    let new = row(user, new);
    let changed = profile::ActiveModel {
        name: Set(new.name),
        name_folded: Set(new.name_folded),
        username: Set(new.username),
        username_normalized: Set(new.username_normalized),
        locale: Set(new.locale),
        data: Set(new.data),
        app_data: Set(new.app_data),
        ..profile::ActiveModel::default()
    };
    let updated = profile::Entity::update_many()
        .set(changed)
        .filter(profile::Column::UserId.eq(user.as_uuid()))
        .exec(db)
        .await;
    Insert::of(updated)
}

fn row(user: UserId, profile: &Profile) -> profile::Model {
    let Profile { name, username, locale, data, app_data } = profile;
    profile::Model {
        user_id: user.as_uuid(),
        name: name.clone(),
        name_folded: name.as_deref().map(|name| folded(name).chars().take(FOLDED_MAX).collect()),
        username: username.clone(),
        // What is typed is ASCII by now.
        username_normalized: username.as_deref().map(str::to_ascii_lowercase),
        locale: locale.clone(),
        data: written(data),
        app_data: written(app_data),
    }
}

fn written(object: &Object) -> Option<String> {
    (!object.is_empty()).then(|| serde_json::Value::Object(object.clone()).to_string())
}

pub(super) fn read_profile(row: profile::Model) -> Result<Profile, DbErr> {
    let object = |text: Option<String>| {
        let read = text.map(|text| serde_json::from_str(&text)).transpose();
        // Its own errors quote what they read.
        read.map(Option::unwrap_or_default).map_err(|_| DbErr::Json("auth_profile".to_owned()))
    };
    let mut profile = Profile::default();
    (profile.name, profile.username, profile.locale) = (row.name, row.username, row.locale);
    (profile.data, profile.app_data) = (object(row.data)?, object(row.app_data)?);
    Ok(profile)
}
