use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::support::{PATIENCE, Program, Server};

/// Sends some bytes and nothing more, and reads until the server closes.
async fn sends(server: &Server, bytes: &[u8]) -> (String, u64) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let asked = Instant::now();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open").unwrap();
    (String::from_utf8(answer).unwrap(), asked.elapsed().as_secs())
}

#[tokio::test]
async fn a_connection_that_stalls_is_closed_wherever_it_stalls() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let body = b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"em";
    let (nothing, preface, line, header, rest, body) = tokio::join!(
        sends(&server, b""),
        sends(&server, b"PRI * HTTP/2.0\r\n"),
        sends(&server, b"GET /health/li"),
        sends(&server, b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-slow: "),
        sends(&server, b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n"),
        sends(&server, body),
    );
    for (answer, _) in [&nothing, &preface, &line, &header] {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    assert!(rest.0.starts_with("HTTP/1.1 200"), "an idle connection is closed after its answer");
    assert!(body.0.starts_with("HTTP/1.1 408") && body.0.contains("\"code\":\"timeout\""), "{}", body.0);
    for (_, seconds) in [nothing, preface, line, header, rest, body] {
        assert!((9..30).contains(&seconds), "closed after {seconds} s");
    }
}

#[tokio::test]
async fn http_2_without_tls_is_understood_and_no_answer_names_the_server() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    for client in [server.client(), server.client().http2()] {
        for path in ["/health/live", "/nope"] {
            let answer = client.get(path).await;
            assert!(!answer.headers.contains_key("server"));
            assert_eq!(answer.headers["x-request-id"].len(), 32);
        }
    }
    let session = server.client().http2().sign_up("ada@example.com").await;
    assert_eq!(server.client().http2().me(&session.access_token).await.status, 200);
}

#[tokio::test]
async fn a_request_in_small_pieces_is_answered_and_one_with_endless_headers_is_not() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    // `P` and `PR` may still become HTTP/2; `PO` may not.
    for byte in b"POST /nope HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");

    let endless = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(64 * 1024));
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // The server may close before everything is written, and so with a reset.
    let _ = stream.write_all(endless.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(server.client().get("/health/live").await.status, 200);
}
