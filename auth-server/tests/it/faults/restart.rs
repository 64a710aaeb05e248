use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tempfile::tempdir;
use tokio::task::JoinSet;

use super::{program, twenty_are_refused_soon, until_ready};
use crate::support::{Client, DatabaseServer};

async fn is_away_and_comes_back(mut database: DatabaseServer, end: &str) {
    let home = tempdir().unwrap();
    let server = program(home.path(), &database.url()).start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;

    database.stop(end).await;
    twenty_are_refused_soon(&client, &session.access_token).await;
    for answer in [client.refresh(&session.cookie).await, client.login("ada@example.com").await] {
        assert_eq!(answer.status, 503);
        assert!(!answer.headers.contains_key("set-cookie"), "an outage takes no cookie away");
    }
    assert_eq!(client.register("bob@example.com").await.status, 503);
    until_ready(&client, 503).await;
    assert_eq!(client.get("/health/live").await.status, 200);
    assert_eq!(client.verify(&session.access_token).await.status, 204, "needs no database");

    database.start().await;
    until_ready(&client, 200).await;
    // The first statement may be the one that finds the database back.
    while client.me(&session.access_token).await.status == 503 {}
    assert_eq!(client.me(&session.access_token).await.status, 200);
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
    assert_eq!(client.register("bob@example.com").await.status, 201, "nothing of the first try was left");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a PostgreSQL server"]
async fn postgresql_is_away_and_comes_back() {
    is_away_and_comes_back(DatabaseServer::postgres(&[]).await, "INT").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a MariaDB server"]
async fn mariadb_is_away_and_comes_back() {
    is_away_and_comes_back(DatabaseServer::mariadb().await, "TERM").await;
}

/// Refreshes for ever, as a client does: what was not answered, or with 503, is sent again.
async fn keeps_refreshing(client: Client, mut cookie: String, end: Arc<AtomicBool>) -> (String, usize) {
    let mut refreshed = 0;
    while !end.load(Ordering::Relaxed) {
        let answer = client.refresh(&cookie).await;
        match answer.status.as_u16() {
            200 => {
                cookie = answer.session().cookie;
                refreshed += 1;
            }
            503 => {}
            other => panic!("{other} after {refreshed} refreshes: {answer:?}"),
        }
    }
    (cookie, refreshed)
}

async fn restarts_under_load(mut database: DatabaseServer, ends: [&str; 3]) {
    let home = tempdir().unwrap();
    // The shortest grace that is one: most refreshes write.
    let server = program(home.path(), &database.url()).env("REFRESH_GRACE_SECONDS", "1").start().await;
    let client = server.client();
    let end = Arc::new(AtomicBool::new(false));
    let mut people = JoinSet::new();
    for number in 0..8 {
        let session = client.sign_up(&format!("person{number}@example.com")).await;
        people.spawn(keeps_refreshing(client.clone(), session.cookie, Arc::clone(&end)));
    }
    for signal in ends {
        database.restart(signal).await;
        until_ready(&client, 200).await;
        // The load goes on for a while between two restarts: a sign-in works again.
        while client.register(&format!("{signal}{}@example.com", people.len())).await.status == 503 {}
    }
    end.store(true, Ordering::Relaxed);
    for (cookie, refreshed) in people.join_all().await {
        assert!(refreshed > 0);
        assert_eq!(client.refresh(&cookie).await.status, 200, "signed out after {refreshed} refreshes");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a PostgreSQL server"]
async fn restarts_of_postgresql_under_load_sign_nobody_out() {
    restarts_under_load(DatabaseServer::postgres(&[]).await, ["INT", "QUIT", "KILL"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a MariaDB server"]
async fn restarts_of_mariadb_under_load_sign_nobody_out() {
    restarts_under_load(DatabaseServer::mariadb().await, ["TERM", "KILL", "TERM"]).await;
}
