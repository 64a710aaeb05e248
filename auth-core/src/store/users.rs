//! Statements about many users at once.

use sea_orm::{
    ConnectionTrait, DbErr, ExprTrait, FromQueryResult, Iterable, JoinType, Order,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    entity::{user, user_role},
    user::{UserRow, all_roles},
};

/// One line of a page: as many per user as they have roles, at least one.
#[derive(FromQueryResult)]
struct Line {
    id: Uuid,
    email: String,
    email_verified_at: Option<i64>,
    disabled_at: Option<i64>,
    epoch: i64,
    created_at: i64,
    roles_version: i64,
    role: Option<String>,
}

/// Users in the order of their ids, from after `after`, with their roles: one statement, which reads `limit` rows of the
/// primary key, or one of the unique index of addresses.
pub(crate) async fn list_users(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    normalized_email: Option<&str>,
    limit: u64,
) -> Result<Vec<UserRow>, DbErr> {
    let column = |column: user::Column| Expr::col((user::Entity, column));
    let mut page = Query::select();
    page.from(user::Entity)
        .columns(user::Column::iter().map(|column| (user::Entity, column)))
        .and_where_option(after.map(|after| column(user::Column::Id).gt(after)))
        .and_where_option(normalized_email.map(|email| column(user::Column::EmailNormalized).eq(email)))
        .order_by((user::Entity, user::Column::Id), Order::Asc)
        .limit(limit);
    let mut query = Query::select();
    let role_of = Expr::col((user_role::Entity, user_role::Column::UserId));
    query
        .from_subquery(page, "page")
        .join(JoinType::LeftJoin, user_role::Entity, role_of.equals(("page", user::Column::Id)))
        .columns(user::Column::iter().map(|column| ("page", column)))
        .column((user_role::Entity, user_role::Column::Role))
        .order_by(("page", user::Column::Id), Order::Asc);
    let mut users: Vec<UserRow> = Vec::new();
    for row in db.query_all(&query).await? {
        let line = Line::from_query_result(&row, "")?;
        match users.last_mut() {
            Some(user) if user.id.as_uuid() == line.id => user.roles.extend(line.role),
            _ => users.push(UserRow {
                id: line.id.into(),
                email: line.email,
                email_verified_at: line.email_verified_at,
                disabled_at: line.disabled_at,
                epoch: line.epoch,
                created_at: line.created_at,
                roles: line.role.into_iter().collect(),
                roles_version: line.roles_version,
                device_seed: None,
            }),
        }
    }
    for user in &mut users {
        user.roles = all_roles(std::mem::take(&mut user.roles).into_iter().map(Some));
    }
    Ok(users)
}
