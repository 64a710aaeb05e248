use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::support::{PASSWORD, PATIENCE, Program};

#[tokio::test]
async fn a_running_login_ends_well_while_the_server_is_told_to_end() {
    for signal in ["TERM", "INT"] {
        let home = tempdir().unwrap();
        let server = Program::in_directory(home.path()).start().await;
        assert_eq!(server.client().register("ada@example.com").await.status, 201);

        let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = format!(
            "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             expect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // This answer shows that the request is under way.
        let mut go_on = [0; 25];
        timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

        server.signal(signal).await;
        server.log().wait_for("shutting down").await;
        assert!(TcpStream::connect(server.address()).await.is_err(), "no connection is taken any more");
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("access_token"), "{answer}");
        let (status, log) = server.wait().await;
        assert!(status.success(), "{log:#?}");
    }
}

#[tokio::test]
async fn for_a_while_it_is_not_ready_and_answers_all_the_same_so_that_a_proxy_notices_first() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).env("SHUTDOWN_DELAY_SECONDS", "300").start().await;
    let client = server.client();
    let before = client.get("/health/ready").await;
    assert!(before.status == 200 && !before.headers.contains_key("connection"), "{before:?}");
    server.signal("TERM").await;
    server.log().wait_for("no longer ready").await;
    let ready = client.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), ready.body["reason"].as_str()), (503, Some("ending")));
    let answered = server.client().register("ada@example.com").await;
    assert!(answered.status == 201 && answered.headers["connection"] == "close", "{answered:?}");
    assert_eq!(server.client().http2().get("/health/live").await.status, 200);
    server.signal("TERM").await;
    let (status, log) = server.wait().await;
    assert!(status.success(), "{log:#?}");
}

#[tokio::test]
async fn connections_at_rest_do_not_hold_up_the_end() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let silent = TcpStream::connect(server.address()).await.unwrap();
    let mut half = TcpStream::connect(server.address()).await.unwrap();
    half.write_all(b"PRI * HT").await.unwrap();
    let (client, http2) = (server.client(), server.client().http2());
    assert_eq!(client.get("/health/live").await.status, 200);
    assert_eq!(http2.get("/health/live").await.status, 200);
    let asked = Instant::now();
    server.signal("TERM").await;
    let (status, log) = server.wait().await;
    assert!(status.success(), "{log:#?}");
    assert!(asked.elapsed().as_secs() < 8, "{:?}", asked.elapsed());
    drop((silent, half));
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_after_the_grace_or_by_a_second_signal() {
    for (second, delay) in [(false, "0"), (true, "0"), (true, "300")] {
        let home = tempdir().unwrap();
        let program = Program::in_directory(home.path()).env("SHUTDOWN_DELAY_SECONDS", delay);
        let server = program.start().await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // Begun before the signal, and so the body's own deadline comes first or about when the grace ends.
        let head = "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\
                    expect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut go_on = [0; 25];
        timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
        let asked = Instant::now();
        server.signal("TERM").await;
        server.log().wait_for(if delay == "0" { "shutting down" } else { "no longer ready" }).await;
        if second {
            server.signal("TERM").await;
        }
        let (status, log) = server.wait().await;
        assert!(status.success(), "{log:#?}");
        assert_eq!(second, log.iter().any(|line| line.contains("by a second signal")), "{log:#?}");
        assert!(asked.elapsed().as_secs() < if second { 8 } else { 20 }, "{:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn what_goes_on_without_a_request_is_left_to_the_others_at_once() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let url = format!("sqlite://{}", home.path().join("auth.db").display());
    let db = auth_core::connect(&url).await.unwrap();
    let turns = async || {
        let rows = Statement::from_string(db.get_database_backend(), "SELECT job FROM auth_lease");
        db.query_all_raw(rows).await.unwrap().len()
    };
    let taken = async {
        while turns().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, taken).await.expect("somebody sweeps");
    server.signal("TERM").await;
    let (status, log) = server.wait().await;
    assert!(status.success(), "{log:#?}");
    assert_eq!(turns().await, 0);
}
