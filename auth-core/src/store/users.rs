//! Statements about many users at once.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExprTrait, FromQueryResult, Iterable, JoinType, Order,
    sea_query::{Expr, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use super::{
    entity::{profile, user, user_role},
    profile::FOLDED_MAX,
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

/// Which users are listed.
pub(crate) enum UserFilter<'a> {
    All,
    /// The one with this normalised address.
    Email(&'a str),
    /// Whose address, name or user name begins so, all in lower case.
    Begins(&'a str),
}

/// Users in the order of their ids, from after `after`, with their roles: one statement, which reads `limit` rows of the
/// primary key, or one of the unique index of addresses, or what three indexes have of a beginning.
pub(crate) async fn list_users(
    db: &impl ConnectionTrait,
    after: Option<Uuid>,
    filter: UserFilter<'_>,
    limit: u64,
) -> Result<Vec<UserRow>, DbErr> {
    let column = |column: user::Column| Expr::col((user::Entity, column));
    let mut page = Query::select();
    page.from(user::Entity)
        .columns(user::Column::iter().map(|column| (user::Entity, column)))
        .and_where_option(after.map(|after| column(user::Column::Id).gt(after)))
        .order_by((user::Entity, user::Column::Id), Order::Asc)
        .limit(limit);
    match filter {
        UserFilter::All => {}
        UserFilter::Email(email) => _ = page.and_where(column(user::Column::EmailNormalized).eq(email)),
        UserFilter::Begins(text) => {
            // A join and no `IN`, which MySQL and MariaDB would ask once for each user.
            let found = begin(db.get_database_backend(), text);
            let is_found = column(user::Column::Id).equals(("found", "id"));
            page.join_subquery(JoinType::InnerJoin, found, "found", is_found);
        }
    }
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

/// The ids of users whose address, name or user name begins with a text: three ranges of three indexes.
fn begin(backend: DbBackend, text: &str) -> SelectStatement {
    let email = match backend {
        // What its index of bytes is about.
        DbBackend::Postgres => Expr::cust(r#""email_normalized" COLLATE "C""#),
        _ => Expr::col(user::Column::EmailNormalized),
    };
    let mut found = Query::select();
    found.expr_as(Expr::col(user::Column::Id), "id").from(user::Entity).cond_where(range(email, text));
    let beginning: String = text.chars().take(FOLDED_MAX).collect();
    for (column, text) in
        [(profile::Column::NameFolded, &*beginning), (profile::Column::UsernameNormalized, text)]
    {
        let mut others = Query::select();
        others
            .expr_as(Expr::col(profile::Column::UserId), "id")
            .from(profile::Entity)
            .cond_where(range(Expr::col(column), text));
        found.union(UnionType::Distinct, others);
    }
    found
}

/// From the text itself to the last text that begins so, in the order of bytes.
fn range(column: Expr, text: &str) -> Expr {
    column.clone().gte(text).and(column.lt(format!("{text}{}", char::MAX)))
}
