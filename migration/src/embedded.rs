//! The migrations as `sea-orm-migration` takes them.

use sea_orm_migration::prelude::*;

use crate::history::HISTORY_TABLE;
use crate::migrator::{MIGRATIONS, SqlMigration};

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
        self.apply(manager.get_connection()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.take_back(manager.get_connection()).await
    }
}

/// The migrations for a host that runs its own through `sea-orm-migration` (feature `migrator`). That crate turns the feature
/// `env-filter` of `tracing-subscriber` on for the whole program, after which `tracing_subscriber::fmt::init()` shows errors only
/// unless `RUST_LOG` says otherwise.
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
