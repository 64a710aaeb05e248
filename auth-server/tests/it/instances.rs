use std::collections::HashSet;

use auth_migration::{each_database, test_util::TestDatabase};
use tempfile::tempdir;
use tokio::task::JoinSet;

use crate::support::{KEY, PATIENCE, Program};

each_database! { unmigrated:
    async fn eight_processes_that_start_at_once_on_an_empty_database_all_serve(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let mut starts = JoinSet::new();
        for _ in 0..8 {
            let program = Program::in_directory(home.path())
                .env("DATABASE_URL", database.url())
                .env("SECRET_KEY", KEY)
                .env("DATABASE_MAX_CONNECTIONS", "2")
                .env("PUBLIC_URL", "http://localhost:8000");
            starts.spawn(program.start());
        }
        let servers = starts.join_all().await;
        let session = servers[0].client().sign_up("ada@example.com").await;
        for server in &servers[1..] {
            assert_eq!(server.client().me(&session.access_token).await.status, 200);
            assert_eq!(server.client().get("/health/ready").await.status, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_first_starts_at_once_in_one_directory_share_database_and_key() {
    let home = tempdir().unwrap();
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let program = Program::in_directory(home.path()).env("PUBLIC_URL", "http://localhost:8000");
        starts.spawn(program.start());
    }
    let servers = starts.join_all().await;
    let session = servers[0].client().sign_up("ada@example.com").await;
    for server in &servers[1..] {
        assert_eq!(server.client().me(&session.access_token).await.status, 200);
        assert_eq!(server.client().refresh(&session.cookie).await.status, 200);
    }
}

each_database! {
    async fn fifty_refreshes_with_one_cookie_over_two_servers_get_one_successor(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || {
            Program::in_directory(home.path())
                .env("DATABASE_URL", database.url())
                .env("SECRET_KEY", KEY)
                .env("DATABASE_TIMEOUT_MS", "30000")
                .env("PUBLIC_URL", "http://localhost:8000")
        };
        let servers = [program().start().await, program().start().await];
        let clients = [servers[0].client(), servers[1].client()];
        let session = clients[0].sign_up("ada@example.com").await;
        let mut burst = JoinSet::new();
        for number in 0..50 {
            let (client, cookie) = (clients[number % 2].clone(), session.cookie.clone());
            burst.spawn(async move { client.refresh(&cookie).await.session().cookie });
        }
        let successors: HashSet<String> = burst.join_all().await.into_iter().collect();
        assert_eq!(successors.len(), 1, "one successor for all");
        let successor = successors.into_iter().next().unwrap();
        assert_ne!(successor, session.cookie);
        assert_eq!(clients[1].refresh(&successor).await.status, 200);

        // Signed out on one instance, over on the other at once.
        assert_eq!(clients[0].logout(&successor).await.status, 204);
        assert_eq!(clients[1].refresh(&successor).await.status, 401);
        assert_eq!(clients[1].me(&session.access_token).await.status, 401);
    }

    async fn what_ends_on_one_server_is_refused_by_the_door_of_the_other_within_the_poll(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || {
            Program::in_directory(home.path())
                .env("DATABASE_URL", database.url())
                .env("SECRET_KEY", KEY)
                .env("REVOCATION_POLL_MS", "100")
                .env("METRICS_ADDR", "127.0.0.1:0")
                .env("PUBLIC_URL", "http://localhost:8000")
        };
        let servers = [program().start().await, program().start().await];
        let [one, other] = [servers[0].client(), servers[1].client()];
        let (ended, kept) = (one.sign_up("ada@example.com").await, one.sign_up("bob@example.com").await);
        assert_eq!(other.verify(&ended.access_token).await.status, 204);
        assert_eq!(one.logout(&ended.cookie).await.status, 204);
        assert_eq!(one.verify(&ended.access_token).await.status, 401, "at once where it ended");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while other.verify(&ended.access_token).await.status != 401 {
            assert!(tokio::time::Instant::now() < deadline, "the other server never asked");
        }
        assert_eq!(other.verify(&kept.access_token).await.status, 204);

        // How long it took is measured, where it was learnt and nowhere else.
        let [here, there] = [servers[0].metrics().await, servers[1].metrics().await];
        assert_eq!(number(&there, "auth_revocation_delay_seconds_count"), Some(1.0), "{there}");
        assert!(number(&there, "auth_revocation_delay_seconds_sum").unwrap() > 0.0, "{there}");
        assert!(number(&there, "auth_revocation_age_seconds").is_some(), "{there}");
        assert_eq!(number(&here, "auth_revocation_delay_seconds_count"), None, "{here}");
    }
}

/// A line of what Prometheus reads.
fn number(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}
