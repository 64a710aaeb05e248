//! Databases that are servers.

use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::ConnectionTrait as _;

use super::Installation;
use crate::support::{KEY, PASSWORD};

each_database! {
    async fn each_fault_of_the_database_has_exactly_its_code(database: &TestDatabase) {
        let settings = [("DATABASE_URL", database.url()), ("SECRET_KEY", KEY)];
        let installation = Installation::good().await.with(&settings);
        if database.url().starts_with("sqlite:") {
            super::mode(database.url().trim_start_matches("sqlite://").trim_end_matches("?mode=rwc").as_ref(), 0o600);
        }
        assert_eq!(installation.check().await, ["no_admin"]);
        let add = ["users", "create", "grace@example.com", "--role", "admin", "--password-stdin"];
        let ended = installation.program().stdin(&format!("{PASSWORD}\n")).args(&add).run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(installation.check().await, [""; 0]);

        if !database.url().starts_with("sqlite:") {
            // An address that by its form is of another machine, and leads to this one.
            let elsewhere = database.url().replace("127.0.0.1", "0.0.0.0");
            let remote = Installation::good().await.with(&[("DATABASE_URL", &elsewhere), ("SECRET_KEY", KEY)]);
            assert_eq!(remote.check().await, ["database_without_tls"]);
            let without_key = Installation::good().await.with(&[("DATABASE_URL", database.url())]);
            assert_eq!(without_key.check().await, ["setting"]);
        }

        let db = database.connect_with(1).await;
        let version = |name: &str| format!("INSERT INTO auth_migration (version, applied_at) VALUES ('{name}', 1)");
        db.execute_unprepared(&version("m9998_later")).await.unwrap();
        assert_eq!(installation.check().await, ["schema_ahead"]);
        db.execute_unprepared(&version("m9999_later_breaking")).await.unwrap();
        assert_eq!(installation.check().await, ["schema_newer"]);
        db.execute_unprepared("DELETE FROM auth_migration WHERE version LIKE 'm999%'").await.unwrap();
        db.execute_unprepared("DELETE FROM auth_migration WHERE version LIKE 'm0012%'").await.unwrap();
        assert_eq!(installation.check().await, ["migrations_pending"]);
        let later = "UPDATE auth_migration SET version = 'm9999_later' WHERE version LIKE 'm0011%'";
        db.execute_unprepared(later).await.unwrap();
        assert_eq!(installation.check().await, ["schema_newer"]);
        db.close().await.unwrap();
    }
}
