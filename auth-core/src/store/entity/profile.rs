//! `auth_profile`: what an account tells beside its address; no row where it tells nothing.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_profile")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    pub name: Option<String>,
    /// How the name begins, in lower case.
    pub name_folded: Option<String>,
    pub username: Option<String>,
    #[sea_orm(unique)]
    pub username_normalized: Option<String>,
    pub locale: Option<String>,
    /// An object of JSON; null for an empty one.
    pub data: Option<String>,
    pub app_data: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
