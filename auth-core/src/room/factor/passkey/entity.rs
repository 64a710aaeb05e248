//! The tables of passkeys.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

/// `auth_passkey`: what somebody can sign in with.
pub(crate) mod passkey {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_passkey")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        /// SHA-256 of the next.
        pub credential_hash: Vec<u8>,
        pub credential_id: Vec<u8>,
        /// In COSE.
        pub public_key: Vec<u8>,
        pub rp_id: String,
        pub name: String,
        pub aaguid: Uuid,
        /// Separated by spaces.
        pub transports: String,
        pub counter: i64,
        pub backup_eligible: bool,
        pub backed_up: bool,
        pub created_at: i64,
        pub last_used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `auth_passkey_challenge`: challenges that were answered, until they would be over.
pub(crate) mod challenge {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_passkey_challenge")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
