//! Statements about the audit.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::entity::event;
use crate::UserId;

/// One row of the audit.
pub(crate) struct EventRow {
    pub(crate) id: Uuid,
    pub(crate) at: i64,
    pub(crate) code: String,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_name: Option<String>,
    pub(crate) address: Option<Uuid>,
    pub(crate) session_id: Option<Uuid>,
    pub(crate) reason: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) request_id: Option<String>,
}

pub(crate) async fn insert_events(db: &impl ConnectionTrait, new: Vec<EventRow>) -> Result<(), DbErr> {
    if new.is_empty() {
        return Ok(());
    }
    let row = |new: EventRow| event::ActiveModel {
        id: Set(new.id),
        at: Set(new.at),
        code: Set(new.code),
        user_id: Set(new.user_id),
        actor_id: Set(new.actor_id),
        actor_name: Set(new.actor_name),
        address: Set(new.address),
        session_id: Set(new.session_id),
        reason: Set(new.reason),
        ip: Set(new.ip),
        request_id: Set(new.request_id),
        seq: Set(None),
    };
    event::Entity::insert_many(new.into_iter().map(row)).exec_without_returning(db).await.map(drop)
}

/// What happened to a user, the latest first, from before the event `before`.
pub(crate) async fn list_events(
    db: &impl ConnectionTrait,
    user: UserId,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<EventRow>, DbErr> {
    let mut query = event::Entity::find().filter(event::Column::UserId.eq(user.as_uuid()));
    if let Some(before) = before {
        query = query.filter(event::Column::Id.lt(before));
    }
    let rows = query.order_by_desc(event::Column::Id).limit(limit).all(db).await?;
    Ok(rows.into_iter().map(EventRow::from).collect())
}

impl From<event::Model> for EventRow {
    fn from(row: event::Model) -> Self {
        Self {
            id: row.id,
            at: row.at,
            code: row.code,
            user_id: row.user_id,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            address: row.address,
            session_id: row.session_id,
            reason: row.reason,
            ip: row.ip,
            request_id: row.request_id,
        }
    }
}
