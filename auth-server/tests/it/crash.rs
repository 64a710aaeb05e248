//! `kill -9` at any moment of a refresh loses nobody: whatever was or was not written, the cookie that the client
//! still has is good after the restart.

use std::time::Duration;

use auth_migration::{each_database, test_util::TestDatabase};
use tempfile::tempdir;
use tokio::time::timeout;

use crate::support::{KEY, Program};

each_database! {
    async fn a_refresh_that_was_cut_off_by_a_crash_can_be_repeated(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || {
            Program::in_directory(home.path())
                .env("DATABASE_URL", database.url())
                .env("SECRET_KEY", KEY)
                .env("PUBLIC_URL", "http://localhost:8000")
                // So that each refresh of a new successor writes.
                .env("REFRESH_GRACE_SECONDS", "1")
        };
        let server = program().start().await;
        let mut cookie = server.client().sign_up("ada@example.com").await.cookie;
        server.kill().await;
        for round in 0..12_u64 {
            let server = program().start().await;
            let client = server.client();
            let (running, sent) = (client.clone(), cookie.clone());
            let refresh = tokio::spawn(async move { running.refresh(&sent).await });
            // From "not yet arrived" to "answered": the moment of the crash moves on with each round.
            let _ = timeout(Duration::from_micros(round * 500), std::future::pending::<()>()).await;
            server.kill().await;
            // Whatever came of it, the answer is lost.
            let _ = refresh.await;
            let server = program().start().await;
            cookie = server.client().refresh(&cookie).await.session().cookie;
            server.kill().await;
        }
    }
}
