//! The SQL of the recipes, on the databases that it is for. Their Rust blocks are doctests of this crate.
#![expect(clippy::unwrap_used, reason = "everything here is test code: what fails must stop the test")]

use auth_core::{ClientInfo, test_util::Kit};
use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait as _, DbBackend};

const RECIPES: &str = include_str!("../../auth-core/src/manual/recipes.md");

/// What makes a table of the host's own.
fn table(backend: DbBackend) -> &'static str {
    let name = match backend {
        DbBackend::Postgres => "postgres",
        DbBackend::MySql => "mysql",
        _ => "sqlite",
    };
    let (_, rest) = RECIPES.split_once(&format!("<!-- table: {name} -->\n```sql\n")).unwrap();
    rest.split_once("```").unwrap().0
}

each_database! {
    async fn a_row_of_the_host_goes_with_the_account_that_it_is_of(db: &TestDatabase) {
        let db = db.connect().await;
        db.execute_unprepared(table(db.get_database_backend())).await.unwrap();
        let kit = Kit::new(db.clone());
        let ada = kit.user("ada@example.com").await;
        let insert = "INSERT INTO profile (user_id, nickname) SELECT id, 'Ada' FROM auth_user";
        assert_eq!(db.execute_unprepared(insert).await.unwrap().rows_affected(), 1);

        kit.auth.delete_user(ada.id, ClientInfo::default()).await.unwrap();
        assert_eq!(db.execute_unprepared("DELETE FROM profile").await.unwrap().rows_affected(), 0);
    }
}
