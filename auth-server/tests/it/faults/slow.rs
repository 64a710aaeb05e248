use std::{sync::Arc, time::Duration};

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

use super::{program, until_ready};
use crate::support::DatabaseServer;

/// What is done with each packet on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// It arrives so much later.
    Late(Duration),
    /// It does not arrive until the weather changes, and nobody is told.
    Lost,
}

/// Stands between server and database.
struct Proxy {
    address: String,
    weather: watch::Sender<Weather>,
}

impl Proxy {
    async fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (weather, seen) = watch::channel(Weather::Fair);
        tokio::spawn(async move {
            loop {
                let (inner, _) = listener.accept().await.unwrap();
                let Ok(outer) = TcpStream::connect(&to).await else { continue };
                let (inner_read, inner_write) = inner.into_split();
                let (outer_read, outer_write) = outer.into_split();
                tokio::spawn(carry(inner_read, outer_write, seen.clone()));
                tokio::spawn(carry(outer_read, inner_write, seen.clone()));
            }
        });
        Self { address, weather }
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let now = *weather.borrow();
        match now {
            Weather::Fair => {}
            Weather::Late(by) => tokio::time::sleep(by).await,
            Weather::Lost => drop(weather.wait_for(|weather| *weather != Weather::Lost).await),
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a PostgreSQL server"]
async fn a_slow_database_makes_answers_late_and_a_silent_one_makes_them_503() {
    let home = tempdir().unwrap();
    let database = DatabaseServer::postgres(&[]).await;
    let proxy = Proxy::start(database.address()).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address);
    let server = program(home.path(), &url).env("DATABASE_TIMEOUT_MS", "1000").start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;

    proxy.weather.send_replace(Weather::Late(Duration::from_millis(100)));
    assert_eq!(client.me(&session.access_token).await.status, 200);
    let session = client.refresh(&session.cookie).await.session();

    proxy.weather.send_replace(Weather::Lost);
    let mut asked = JoinSet::new();
    for _ in 0..30 {
        let (client, token) = (client.clone(), session.access_token.clone());
        asked.spawn(async move { client.me(&token).await });
    }
    for answer in asked.join_all().await {
        assert_eq!(answer.status, 503);
    }
    assert_eq!(client.verify(&session.access_token).await.status, 204);
    until_ready(&client, 503).await;

    proxy.weather.send_replace(Weather::Fair);
    until_ready(&client, 200).await;
    while client.me(&session.access_token).await.status == 503 {}
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a PostgreSQL server"]
async fn a_database_out_of_connections_is_503_until_it_has_some_again() {
    let home = tempdir().unwrap();
    let database = DatabaseServer::postgres(&[
        "max_connections=6",
        "superuser_reserved_connections=0",
        "max_wal_senders=0",
    ])
    .await;
    let server = program(home.path(), &database.url())
        .env("DATABASE_TIMEOUT_MS", "1000")
        .env("DATABASE_MAX_CONNECTIONS", "4")
        .start()
        .await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;

    // Others take whatever is free, and what the pool gives back.
    let mut others = Vec::new();
    let options = auth_core::ConnectOptions::new(database.url()).max_connections(1);
    while let Ok(other) = options.clone().timeout(Duration::from_millis(300)).connect().await {
        others.push(other);
    }
    assert!(!others.is_empty());
    // One connection is left to the pool; those who find it taken wait, and are refused or served.
    let mut asked = JoinSet::new();
    for _ in 0..40 {
        let (client, token) = (client.clone(), session.access_token.clone());
        asked.spawn(async move { client.me(&token).await.status.as_u16() });
    }
    for status in asked.join_all().await {
        assert!(matches!(status, 200 | 503), "{status}");
    }
    let others = Arc::new(others);
    drop(others);
    while client.me(&session.access_token).await.status == 503 {}
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
}
