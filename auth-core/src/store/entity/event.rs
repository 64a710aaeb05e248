//! `auth_event`: the audit.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: i64,
    pub code: String,
    pub user_id: Option<Uuid>,
    pub actor_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub reason: Option<String>,
    pub ip: Option<String>,
    pub request_id: Option<String>,
    /// No user: the command line.
    pub actor_name: Option<String>,
    /// A keyed hash.
    pub address: Option<Uuid>,
    /// Its place in the feed. Null: it has none yet; 0: it happened before there was a feed.
    pub seq: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
