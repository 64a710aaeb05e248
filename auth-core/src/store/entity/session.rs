//! `auth_session`: one row per sign-in, however often it is refreshed.

use sea_orm::entity::prelude::*;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "auth_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    /// The user's epoch when this session was made.
    pub epoch: i64,
    /// Half of what a refresh token is made from; the other half is the server's secret.
    pub seed: Vec<u8>,
    /// The latest generation issued.
    pub newest: i64,
    /// The generation whose use brought forth the unused ones.
    pub last_used: i64,
    /// The oldest generation that was issued and not used.
    pub oldest_unused: i64,
    pub rotated_at: Option<i64>,
    pub created_at: i64,
    pub last_used_at: i64,
    /// When the sweep looks at it again: rounded up, so that a refresh seldom changes it; 0 where an older program wrote the row.
    pub idle_until: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    /// The code of an [`EndReason`](crate::EndReason).
    pub revoked_reason: Option<String>,
    /// How the user signed in: `amr` values, separated by spaces.
    pub methods: String,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    /// When the user last showed who they are.
    pub auth_time: Option<i64>,
    /// The remembered device for which no second factor was asked for.
    pub device_id: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter)]
pub enum Relation {
    User,
}

impl RelationTrait for Relation {
    fn def(&self) -> RelationDef {
        match self {
            Self::User => Entity::belongs_to(super::user::Entity)
                .from(Column::UserId)
                .to(super::user::Column::Id)
                .into(),
        }
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Without the seed.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}
