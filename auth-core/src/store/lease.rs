//! Statements about jobs that one instance should do.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::{Insert, entity::lease};

/// Takes a job, or keeps it, until `expires_at`. `false`: another instance has it.
///
/// For jobs that do no harm when two do them: the instances compare the end with clocks of their own.
pub(crate) async fn take_lease(
    db: &impl ConnectionTrait,
    job: &str,
    holder: Uuid,
    now: i64,
    expires_at: i64,
) -> Result<bool, DbErr> {
    let free = Condition::any().add(lease::Column::Holder.eq(holder)).add(lease::Column::ExpiresAt.lte(now));
    let taken = lease::Entity::update_many()
        .col_expr(lease::Column::Holder, Expr::value(holder))
        .col_expr(lease::Column::ExpiresAt, Expr::value(expires_at))
        .filter(lease::Column::Job.eq(job))
        .filter(free)
        .exec(db)
        .await?;
    if taken.rows_affected > 0 {
        return Ok(true);
    }
    // A look first: an INSERT in vain is an error in the log of some databases.
    if lease::Entity::find_by_id(job).one(db).await?.is_some() {
        return Ok(false);
    }
    let first =
        lease::ActiveModel { job: Set(job.to_owned()), holder: Set(holder), expires_at: Set(expires_at) };
    let inserted = lease::Entity::insert(first).exec_without_returning(db).await;
    Ok(Insert::of(inserted)? == Insert::Done)
}

/// Gives up whatever jobs this instance has.
pub(crate) async fn release_leases(db: &impl ConnectionTrait, holder: Uuid) -> Result<(), DbErr> {
    lease::Entity::delete_many().filter(lease::Column::Holder.eq(holder)).exec(db).await?;
    Ok(())
}

/// For transactions of which one has to see what the other did: both write the same row. On a Galera cluster no lock of a row is seen
/// at another node, but of two that write one row at two nodes, one loses. Other databases do with locks.
pub(crate) async fn write_guard(txn: &impl ConnectionTrait, name: &str) -> Result<(), DbErr> {
    if txn.get_database_backend() != DbBackend::MySql {
        return Ok(());
    }
    let guard =
        lease::ActiveModel { job: Set(name.to_owned()), holder: Set(Uuid::nil()), expires_at: Set(0) };
    let column = lease::Column::ExpiresAt;
    // A row that is written as it was does not count as written.
    let raised = OnConflict::column(lease::Column::Job).value(column, Expr::col(column).add(1)).to_owned();
    lease::Entity::insert(guard).on_conflict(raised).exec_without_returning(txn).await?;
    Ok(())
}
