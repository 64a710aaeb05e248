//! The tables of second factors.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

/// `auth_challenge`: a first factor was right, and the second is awaited.
pub(crate) mod challenge {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_challenge")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        /// The user's epoch when the first factor was right.
        pub epoch: i64,
        /// Half of what the client's token is made from; the other half is the server's secret.
        pub seed: Vec<u8>,
        pub purpose: String,
        /// `amr` values, separated by spaces.
        pub methods: String,
        pub replaces: Option<Uuid>,
        pub session_id: Option<Uuid>,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Without the seed.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Challenge").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

/// `auth_totp`: the secret that a user's authenticator app has.
pub(crate) mod totp {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_totp")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        /// Encrypted.
        pub secret: Vec<u8>,
        /// The last step of which a code was taken.
        pub last_step: i64,
        pub created_at: i64,
        /// Null: it is confirmed, and stands.
        pub pending_until: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Without the secret.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Totp").field("user_id", &self.user_id).finish_non_exhaustive()
        }
    }
}

/// `auth_recovery_code`: codes that were not used yet, hashed.
pub(crate) mod recovery_code {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_recovery_code")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        /// That of all codes of the set.
        pub salt: Vec<u8>,
        pub hash: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    /// Without salt and hash.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("RecoveryCode").field("id", &self.id).finish_non_exhaustive()
        }
    }
}

/// `auth_factor_failure`: codes that were tried, and whether they are locked.
pub(crate) mod failure {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_factor_failure")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub network: String,
        pub at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `auth_device`: devices on which the second factor is not asked for again for a while.
pub(crate) mod device {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_device")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        /// What its cookie names it by: another one after each sign-in.
        pub token_id: Uuid,
        /// The user's when the factor was shown.
        pub epoch: i64,
        pub name: Option<String>,
        pub created_at: i64,
        pub last_used_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
