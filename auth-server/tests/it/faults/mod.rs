//! The database is stopped, restarted, slow, full, locked or out of connections. Requests get 503 soon, what needs no
//! database goes on, and everybody is still signed in when it is back.

mod restart;
mod slow;
mod sqlite;

use tokio::time::{Instant, timeout};

use crate::support::{Client, KEY, PATIENCE, Program};

/// A server for this database.
fn program(home: &std::path::Path, url: &str) -> Program {
    Program::in_directory(home)
        .env("DATABASE_URL", url)
        .env("SECRET_KEY", KEY)
        .env("PUBLIC_URL", "http://localhost:8000")
}

/// Asks until readiness is as expected.
async fn until_ready(client: &Client, status: u16) {
    let asked = async { while client.get("/health/ready").await.status != status {} };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("readiness never was {status}"));
}

/// Twenty requests one after the other, all refused with the time to come back, in less time than seven of them would
/// take that each wait for a connection.
async fn twenty_are_refused_soon(client: &Client, access_token: &str) {
    let start = Instant::now();
    for _ in 0..20 {
        let refused = client.me(access_token).await;
        assert_eq!(refused.status, 503);
        assert_eq!(refused.body["code"], "unavailable");
        assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    }
    assert!(start.elapsed().as_secs() < 20, "each waited for a connection");
}
