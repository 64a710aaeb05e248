//! The table of sign-ins by e-mail that are under way.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_email_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Nobody's: nobody had the address when it was asked for.
    pub user_id: Option<Uuid>,
    /// The user's epoch then.
    pub epoch: Option<i64>,
    pub email: String,
    /// Half of what code, link and cookie are made from; the other half is the server's secret.
    pub seed: Vec<u8>,
    pub tries: i64,
    pub redirect_to: Option<String>,
    pub mailed_at: Option<i64>,
    pub created_at: i64,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Without address and seed.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmailCode").field("id", &self.id).finish_non_exhaustive()
    }
}
