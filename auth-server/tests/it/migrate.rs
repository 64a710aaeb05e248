use auth_migration::{each_database, test_util::TestDatabase};
use tempfile::tempdir;

use crate::support::Program;

/// Runs `migrate` with nothing set but the database.
async fn migrate(database: &TestDatabase, arguments: &[&str]) -> Vec<String> {
    let home = tempdir().unwrap();
    let ended = Program::in_directory(home.path())
        .env("DATABASE_URL", database.url())
        .args(&["migrate"])
        .args(arguments)
        .run()
        .await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout.lines().map(str::to_owned).collect()
}

each_database! { unmigrated:
    async fn the_schema_goes_up_and_down_from_the_command_line(database: &TestDatabase) {
        let all_are = |lines: &[String], word: &str| !lines.is_empty() && lines.iter().all(|line| line.starts_with(word));

        assert!(all_are(&migrate(database, &["status"]).await, "pending "));
        let plan = migrate(database, &["plan"]).await;
        assert!(plan.iter().any(|line| line.to_ascii_uppercase().contains("CREATE TABLE")));
        assert!(all_are(&migrate(database, &["status"]).await, "pending "), "a plan changes nothing");

        let applied = migrate(database, &[]).await;
        assert!(all_are(&applied, "applied "));
        assert_eq!(migrate(database, &["status"]).await, applied);
        assert_eq!(migrate(database, &["plan"]).await, Vec::<String>::new());
        assert_eq!(migrate(database, &["up"]).await, ["nothing to apply"]);

        assert_eq!(migrate(database, &["down"]).await.len(), 1);
        let status = migrate(database, &["status"]).await;
        assert_eq!(status.iter().filter(|line| line.starts_with("pending ")).count(), 1);
        assert_eq!(migrate(database, &["down", "100"]).await.len(), applied.len() - 1);
        assert_eq!(migrate(database, &["down"]).await, ["nothing to take back"]);
    }
}
