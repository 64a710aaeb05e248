use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::history::HISTORY_TABLE;
use crate::{
    m0001_auth_user, m0002_auth_password, m0003_auth_user_role, m0004_auth_session,
    m0005_auth_one_time_token, m0006_auth_lease, m0007_auth_key, m0008_auth_throttle, m0009_auth_mail,
    m0010_auth_event, m0011_auth_deleted_user, m0012_auth_identity, m0013_auth_user_signed_in,
    m0014_auth_session_auth_time, m0016_auth_factor, m0019_auth_api_key,
};

/// All migrations, in the order in which they are applied. An entry that was released is never edited,
/// renamed or moved: the next change is a new entry at the end. It only adds, or its name ends in `_breaking`.
pub(crate) const MIGRATIONS: [SqlMigration; 16] = [
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
    m0019_auth_api_key::MIGRATION,
];

/// A migration that is data: its statements can be printed as well as run. Each statement may be run again,
/// because on MySQL one that went through stays when a later one fails.
#[derive(Clone, Copy)]
pub(crate) struct SqlMigration {
    pub(crate) name: &'static str,
    pub(crate) up: fn(DbBackend) -> Vec<String>,
    pub(crate) down: fn(DbBackend) -> Vec<String>,
}

impl MigrationName for SqlMigration {
    fn name(&self) -> &str {
        self.name
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait gives a written `'_` another meaning than the trait has"
)]
#[async_trait::async_trait]
impl MigrationTrait for SqlMigration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, (self.up)(manager.get_database_backend())).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, (self.down)(manager.get_database_backend())).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: Vec<String>) -> Result<(), DbErr> {
    for statement in statements {
        match manager.get_connection().execute_unprepared(&statement).await {
            Err(error) if is_done_already(&error) => {}
            done => _ = done?,
        }
    }
    Ok(())
}

/// A column or an index that is there already. SQLite and MySQL have no `IF NOT EXISTS` for a column, nor has MySQL for an
/// index; on PostgreSQL, where the transaction would be lost, both have it.
fn is_done_already(error: &DbErr) -> bool {
    let text = error.to_string();
    ["duplicate column name", "Duplicate column name", "Duplicate key name"]
        .iter()
        .any(|is| text.contains(is))
}

/// The migrations for a host that runs its own through `sea-orm-migration`.
///
/// Used this way nothing keeps two instances from migrating at once, and an older program refuses whatever a newer one has
/// added; [`up`](crate::up) does and does not. `fresh` and
/// `refresh` are refused: the first would drop every table of the database, the host's too, the second every
/// user.
#[derive(Debug, Clone, Copy)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        MIGRATIONS.iter().map(|migration| Box::new(*migration) as Box<dyn MigrationTrait>).collect()
    }

    fn migration_table_name() -> DynIden {
        HISTORY_TABLE.into_iden()
    }

    async fn fresh<'c, C>(_: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        Err(DbErr::Migration("fresh would drop every table of this database".to_owned()))
    }

    async fn refresh<'c, C>(_: C) -> Result<(), DbErr>
    where
        C: IntoSchemaManagerConnection<'c>,
    {
        Err(DbErr::Migration("refresh would delete every user".to_owned()))
    }
}
