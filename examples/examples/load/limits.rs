//! What the machine can do at best: each runs as a process of its own, on the server's processor.

use std::{convert::Infallible, time::Duration};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use http::Response;
use http_body_util::Full;
use hyper::{body::Bytes, service::service_fn};
use hyper_util::rt::TokioIo;
use sqlx::postgres::PgPoolOptions;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

use crate::Failure;

/// As many as the server has by default.
const SQL_CONNECTIONS: u32 = 8;

pub(crate) fn run(name: &str, arguments: &[&str]) -> Result<(), Failure> {
    match (name, arguments) {
        ("hash", [seconds]) => hash(Duration::from_secs_f64(seconds.parse()?)),
        ("http", []) => tokio::runtime::Runtime::new()?.block_on(serve_constant()),
        ("sql", [url, clients, seconds]) => {
            let time = Duration::from_secs_f64(seconds.parse()?);
            tokio::runtime::Runtime::new()?.block_on(update(url, clients.parse()?, time))
        }
        _ => Err("no such limit".into()),
    }
}

/// Argon2id as the server hashes, in memory that is allocated once.
fn hash(time: Duration) -> Result<(), Failure> {
    let params = Params::new(19_456, 2, 1, Some(32))?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    let start = Instant::now();
    let mut count = 0_u64;
    while start.elapsed() < time {
        argon2.hash_password_into_with_memory(
            b"correct horse battery",
            &count.to_be_bytes(),
            &mut out,
            &mut memory,
        )?;
        count += 1;
    }
    println!("{count} {}", start.elapsed().as_secs_f64());
    Ok(())
}

/// Connections answered by hyper alone, with a body as long as a user document.
async fn serve_constant() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let body = Bytes::from("x".repeat(160));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        let service = service_fn(move |_| {
            let body = body.clone();
            async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
        });
        tokio::spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The one conditional UPDATE that a refresh cannot do without, each client on a row of its own.
async fn update(url: &str, clients: u32, time: Duration) -> Result<(), Failure> {
    let pool =
        PgPoolOptions::new().max_connections(SQL_CONNECTIONS).test_before_acquire(false).connect(url).await?;
    sqlx::query("CREATE TABLE load_limit (id INT PRIMARY KEY, generation BIGINT NOT NULL)")
        .execute(&pool)
        .await?;
    sqlx::query("INSERT INTO load_limit SELECT n, 0 FROM generate_series(1, $1) n")
        .bind(i32::try_from(clients)?)
        .execute(&pool)
        .await?;
    let start = Instant::now();
    let mut running = JoinSet::new();
    for id in 1..=i32::try_from(clients)? {
        let pool = pool.clone();
        running.spawn(async move {
            let mut generation = 0_i64;
            while start.elapsed() < time {
                sqlx::query("UPDATE load_limit SET generation = $1 WHERE id = $2 AND generation = $3")
                    .bind(generation + 1)
                    .bind(id)
                    .bind(generation)
                    .execute(&pool)
                    .await?;
                generation += 1;
            }
            Ok::<_, sqlx::Error>(generation)
        });
    }
    let mut count = 0;
    while let Some(done) = running.join_next().await {
        count += done??;
    }
    let seconds = start.elapsed().as_secs_f64();
    // First: with the line this process is done, and ended.
    sqlx::query("DROP TABLE load_limit").execute(&pool).await?;
    println!("{count} {seconds}");
    Ok(())
}
