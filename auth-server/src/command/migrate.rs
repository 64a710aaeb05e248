//! `auth-server migrate`.

use auth_migration::MigrationStatus;

use crate::{
    cli::Migrate,
    command::output::print,
    config::DatabaseConfig,
    error::Error,
    handle::{bring_up_to_date, close, connect},
};

/// # Errors
/// [`Error::Connect`], [`Error::Migrate`].
pub(super) async fn migrate(config: &DatabaseConfig, action: Migrate) -> Result<(), Error> {
    let db = connect(config).await?;
    let lines = match action {
        Migrate::Up => or_nothing(bring_up_to_date(&db).await?, "applied", "nothing to apply"),
        Migrate::Down { steps } => {
            or_nothing(auth_migration::down(&db, steps).await?, "took back", "nothing to take back")
        }
        Migrate::Status => {
            let all = auth_migration::status(&db).await?.into_iter();
            let state = |one: &MigrationStatus| match (one.applied, one.known) {
                (false, _) => "pending",
                (true, true) => "applied",
                (true, false) => "newer",
            };
            all.map(|one| format!("{} {}", state(&one), one.name)).collect()
        }
        Migrate::Plan => auth_migration::plan(&db).await?.into_iter().map(|sql| format!("{sql};")).collect(),
    };
    close(db).await;
    print(lines)
}

fn or_nothing(names: Vec<String>, done: &str, nothing: &str) -> Vec<String> {
    if names.is_empty() {
        return vec![nothing.to_owned()];
    }
    names.into_iter().map(|name| format!("{done} {name}")).collect()
}
