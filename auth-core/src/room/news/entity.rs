//! The tables, as SeaORM sees them. Times are unix milliseconds.
#![allow(unreachable_pub, reason = "SeaORM derives want public types; the module is private")]

/// `auth_webhook_delivery`: each try to hand an event over.
pub(crate) mod delivery {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_webhook_delivery")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub webhook_id: Uuid,
        pub event_id: Uuid,
        pub code: String,
        pub at: i64,
        /// `None`: there was no answer.
        pub status: Option<i64>,
        pub duration_ms: i64,
        pub next_try_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// `auth_webhook`: who is told of events, and how far they have been told.
pub(crate) mod webhook {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "auth_webhook")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Of one that a setting names. `None`: an administrator has made it.
        pub setting: Option<String>,
        pub url: String,
        /// Codes of events with commas between them. Empty: all.
        pub types: String,
        /// Encrypted. `None`: the setting has it.
        pub secret: Option<Vec<u8>>,
        /// Signs too until its time is over.
        pub secret_before: Option<Vec<u8>>,
        pub secret_before_until: Option<i64>,
        /// The last event of the feed that was handed over.
        pub after_seq: i64,
        /// Of the next one, which failed.
        pub tries: i64,
        pub failing_since: Option<i64>,
        pub next_try_at: i64,
        pub off_at: Option<i64>,
        pub off_reason: Option<String>,
        pub created_at: i64,
    }

    /// No secrets, not even encrypted ones.
    impl std::fmt::Debug for Model {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Model").field("id", &self.id).finish_non_exhaustive()
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
