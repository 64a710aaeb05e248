//! `auth_throttle`: failures in a row, of an address or of a device.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_throttle")]
pub struct Model {
    /// A keyed hash of the address, or the id of the device.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub failures: i64,
    pub tried_at: i64,
    pub forget_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
