use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::{
    m0001_auth_user, m0002_auth_password, m0003_auth_user_role, m0004_auth_session,
    m0005_auth_one_time_token, m0006_auth_lease, m0007_auth_key, m0008_auth_throttle, m0009_auth_mail,
    m0010_auth_event, m0011_auth_deleted_user, m0012_auth_identity, m0013_auth_user_signed_in,
    m0014_auth_session_auth_time, m0016_auth_factor, m0017_auth_device, m0018_auth_passkey,
    m0019_auth_api_key, m0021_auth_event_seq, m0022_auth_webhook, m0023_auth_session_idle_until,
    m0024_auth_profile, m0025_auth_email_code,
};

/// All migrations, in the order in which they are applied. An entry that was released is never edited,
/// renamed or moved: the next change is a new entry at the end. It only adds, or its name ends in `_breaking`.
pub(crate) const MIGRATIONS: [SqlMigration; 23] = [
    m0001_auth_user::MIGRATION,
    m0002_auth_password::MIGRATION,
    m0003_auth_user_role::MIGRATION,
    m0004_auth_session::MIGRATION,
    m0005_auth_one_time_token::MIGRATION,
    m0006_auth_lease::MIGRATION,
    m0007_auth_key::MIGRATION,
    m0008_auth_throttle::MIGRATION,
    m0009_auth_mail::MIGRATION,
    m0010_auth_event::MIGRATION,
    m0011_auth_deleted_user::MIGRATION,
    m0012_auth_identity::MIGRATION,
    m0013_auth_user_signed_in::MIGRATION,
    m0014_auth_session_auth_time::MIGRATION,
    m0016_auth_factor::MIGRATION,
    m0017_auth_device::MIGRATION,
    m0018_auth_passkey::MIGRATION,
    m0019_auth_api_key::MIGRATION,
    m0021_auth_event_seq::MIGRATION,
    m0022_auth_webhook::MIGRATION,
    m0023_auth_session_idle_until::MIGRATION,
    m0024_auth_profile::MIGRATION,
    m0025_auth_email_code::MIGRATION,
];

/// A migration that is data: its statements can be printed as well as run. Each statement may be run again,
/// because on MySQL one that went through stays when a later one fails.
#[derive(Clone, Copy)]
pub(crate) struct SqlMigration {
    pub(crate) name: &'static str,
    pub(crate) up: fn(DbBackend) -> Vec<String>,
    pub(crate) down: fn(DbBackend) -> Vec<String>,
}

impl SqlMigration {
    pub(crate) async fn apply(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        run(db, (self.up)(db.get_database_backend())).await
    }

    pub(crate) async fn take_back(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        run(db, (self.down)(db.get_database_backend())).await
    }
}

async fn run(db: &impl ConnectionTrait, statements: Vec<String>) -> Result<(), DbErr> {
    for statement in statements {
        match db.execute_unprepared(&statement).await {
            Err(error) if is_done_already(&error) => {}
            done => _ = done?,
        }
    }
    Ok(())
}

/// A column or an index that is there already, or an index that is gone. SQLite and MySQL have no `IF NOT EXISTS` for a column, nor has
/// MySQL for an index; on PostgreSQL, where the transaction would be lost, both have it.
fn is_done_already(error: &DbErr) -> bool {
    let text = error.to_string();
    ["duplicate column name", "Duplicate column name", "Duplicate key name", "Can't DROP"]
        .iter()
        .any(|is| text.contains(is))
}
