//! The tables of machines.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

/// `auth_service_account`: accounts with neither address nor password.
pub(crate) mod service {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_service_account")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        /// With spaces between them.
        pub roles: String,
        /// Raised with each change.
        pub version: i64,
        pub changed_at: Option<i64>,
        pub disabled_at: Option<i64>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `auth_api_key`: keys, each of a user or of a service account.
pub(crate) mod key {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_api_key")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Option<Uuid>,
        pub service_id: Option<Uuid>,
        pub name: String,
        /// SHA-256 of the key.
        pub hash: Vec<u8>,
        pub hint: String,
        /// With spaces between them.
        pub scopes: String,
        pub created_at: i64,
        /// `None`: never.
        pub expires_at: Option<i64>,
        pub revoked_at: Option<i64>,
        pub rotated_at: Option<i64>,
        pub last_used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Without the hash.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

/// `auth_ended_token`: tokens of services that were ended before their time.
pub(crate) mod ended_token {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_ended_token")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub ended_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
