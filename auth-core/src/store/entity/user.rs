//! `auth_user`: one row per account.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: String,
    #[sea_orm(unique)]
    pub email_normalized: String,
    pub email_verified_at: Option<i64>,
    pub disabled_at: Option<i64>,
    /// A session lives only as long as its own epoch equals this one: raising it ends them all.
    pub epoch: i64,
    pub epoch_at: Option<i64>,
    /// Raised whenever the roles are set.
    pub roles_version: i64,
    /// When that was.
    pub roles_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    /// When somebody signed in for the first time. `None`: nobody has. 0: it is not known.
    pub signed_in_at: Option<i64>,
    /// What the tokens of known devices hang on: thirty-two random bytes since the first sign-in.
    pub device_seed: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter)]
pub enum Relation {
    Password,
    Role,
}

impl RelationTrait for Relation {
    fn def(&self) -> RelationDef {
        match self {
            Self::Password => Entity::has_one(super::password::Entity)
                .from(Column::Id)
                .to(super::password::Column::UserId)
                .into(),
            Self::Role => Entity::has_many(super::user_role::Entity)
                .from(Column::Id)
                .to(super::user_role::Column::UserId)
                .into(),
        }
    }
}

impl ActiveModelBehavior for ActiveModel {}
