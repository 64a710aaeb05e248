//! Requests that a proxy in front might cut elsewhere than this server does.

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{PATIENCE, Program, Server};

/// What somebody who smuggles wants to have taken for a request of its own.
const HIDDEN: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Sends `head`, `body` and then a further request, and returns the status lines of all answers.
async fn answers(server: &Server, head: &str, body: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let request = format!("{head}\r\n{body}{HIDDEN}").replace('|', "\r\n");
    // A server that has refused and closed answers what comes after with a reset.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    let answer = String::from_utf8(answer).unwrap();
    answer.lines().filter(|line| line.starts_with("HTTP/1.")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_request_whose_end_can_be_read_in_two_ways_is_refused_and_ends_the_connection() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    for head in [
        "POST /logout HTTP/1.1|host: x|transfer-encoding: chunked, chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: chunked|transfer-encoding: chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: gzip, chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: identity, chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: chunked;q=1|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: chunked, identity|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: \"chunked\"|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: \u{b}chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: identity|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: |",
        "POST /logout HTTP/1.0|host: x|transfer-encoding: chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding : chunked|",
        "POST /logout HTTP/1.1|host: x| transfer-encoding: chunked|",
        "POST /logout HTTP/1.1|host: x|content-length: 0|content-length: 5|",
        "POST /logout HTTP/1.1|host: x|content-length: 0, 5|",
        "POST /logout HTTP/1.1|host: x|content-length: +5|",
        "POST /logout HTTP/1.1|host: x|content-length: -1|",
        "POST /logout HTTP/1.1|host: x|content-length: 0x5|",
        "POST /logout HTTP/1.1|host: x|content-length: 99999999999999999999|",
        "POST /logout HTTP/1.1|",
        "POST /logout HTTP/1.1|host: x|host: y|",
        "POST /logout HTTP/1.1|host: x|x-one\0: y|",
    ] {
        let answers = answers(&server, head, "0||").await;
        assert_eq!(answers.len(), 1, "{head} {answers:?}");
        assert!(answers[0].contains(" 400 "), "{head} {answers:?}");
    }
}

#[tokio::test]
async fn a_chunked_request_is_answered_and_is_the_last_of_its_connection() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    for head in [
        "POST /logout HTTP/1.1|host: x|transfer-encoding: chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: Chunked|",
        "POST /logout HTTP/1.1|host: x|transfer-encoding: chunked|content-length: 5|",
        "POST /logout HTTP/1.1|host: x|content-length: 5|transfer-encoding: chunked|",
    ] {
        let answers = answers(&server, head, "0||").await;
        assert_eq!(answers, ["HTTP/1.1 204 No Content"], "{head}");
    }
    // One with a length is not: the next request of the connection is answered too.
    let both = answers(&server, "POST /logout HTTP/1.1|host: x|content-length: 0|", "").await;
    assert_eq!(both, ["HTTP/1.1 204 No Content", "HTTP/1.1 200 OK"]);
}
