//! Clients that want to keep the server from others: too many connections, and what HTTP/2 makes cheap to ask.

use std::net::SocketAddr;

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::{PATIENCE, Program, Server};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// `:method`, `:scheme`, `:path` and `:authority` by RFC 7541: a GET, or a POST.
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![method, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'x']);
    block
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

async fn connect(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(&[PREFACE, &SETTINGS].concat()).await.unwrap();
    stream
}

/// Sends the pieces until the server has had enough; how many it took.
async fn sends_until_closed(server: &Server, pieces: impl Iterator<Item = Vec<u8>>) -> usize {
    let (mut read, mut write) = connect(server).await.into_split();
    let closed = tokio::spawn(async move {
        let _ = read.read_to_end(&mut Vec::new()).await;
    });
    let mut sent = 0;
    for piece in pieces {
        if write.write_all(&piece).await.is_err() || closed.is_finished() {
            return sent;
        }
        sent += 1;
    }
    timeout(PATIENCE, closed).await.expect("the server goes on to listen").unwrap();
    sent
}

async fn serves_others(server: &Server) {
    assert_eq!(server.client().get("/health/live").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_opens_streams_and_resets_them_at_once_is_cut_off() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let resets = (0..200_000).map(|number| {
        let stream = 2 * number + 1;
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(GET, "/health/live"));
        [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let sent = sends_until_closed(&server, resets).await;
    assert!(sent < 200_000, "never cut off");
    serves_others(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_continued_without_end_are_cut_off() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    for piece in [vec![], vec![0x40, 1, b'a', 1, b'b'], vec![0; 16_000]] {
        let begin = frame(HEADERS, END_STREAM, 1, &head(GET, "/health/live"));
        let more = std::iter::repeat_n(frame(CONTINUATION, 0, 1, &piece), 20_000);
        let sent = sends_until_closed(&server, std::iter::once(begin).chain(more)).await;
        assert!(sent < 20_000, "never cut off");
        serves_others(&server).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_no_more_than_a_hundred_requests_open() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    // Each waits for a body that never comes.
    let open = (0..150).map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &head(POST, "/logout")));
    let mut stream = connect(&server).await;
    stream.write_all(&open.flatten().collect::<Vec<u8>>()).await.unwrap();
    let mut refused = 0;
    while refused < 50 {
        let mut head = [0; 9];
        timeout(PATIENCE, stream.read_exact(&mut head)).await.expect("too many are open").unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        refused += usize::from(head[3] == RST_STREAM && payload == REFUSED_STREAM);
    }
    serves_others(&server).await;
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused_over_http_2_too() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    let client = server.client().http2();
    let answer = client.send("GET", "/health/live", &[("x-long", &"a".repeat(20 * 1024))], "").await;
    assert_eq!(answer.status, 431);
    serves_others(&server).await;
}

#[tokio::test]
async fn http_2_fields_that_are_for_connections_or_hold_line_breaks_are_refused() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path()).start().await;
    for (name, value, is_taken) in [
        ("x-plain", "a", true),
        ("te", "trailers", true),
        ("te", "gzip", false),
        ("connection", "close", false),
        ("proxy-connection", "close", false),
        ("keep-alive", "a", false),
        ("transfer-encoding", "chunked", false),
        ("upgrade", "h2c", false),
        ("x-broken", "a\r\nx-smuggled: b", false),
        ("x-bro\r\nken", "a", false),
        ("X-Capital", "a", false),
    ] {
        let mut block = head(GET, "/health/live");
        for text in [name, value] {
            // A literal field with a new name (RFC 7541 section 6.2.2).
            block.extend((text == name).then_some(0));
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
        let mut stream = connect(&server).await;
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await.unwrap();
        let answered = loop {
            let mut head = [0; 9];
            if timeout(PATIENCE, stream.read_exact(&mut head))
                .await
                .expect("neither answered nor ended")
                .is_err()
            {
                break false;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
            if [HEADERS, RST_STREAM, GO_AWAY].contains(&head[3]) {
                break head[3] == HEADERS;
            }
        };
        assert_eq!(answered, is_taken, "{name}: {value}");
    }
}

/// A connection from this address of the loopback range; whether it is answered.
async fn answered(server: &Server, from: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    let mut stream = socket.connect(server.address().parse().unwrap()).await.unwrap();
    // No probe: these have places of their own.
    let _ = stream.write_all(b"GET /nope HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut byte = [0];
    let read = timeout(PATIENCE, stream.read_exact(&mut byte)).await.expect("neither answered nor closed");
    read.is_ok().then_some(stream)
}

#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let home = tempdir().unwrap();
    let program = || {
        Program::in_directory(home.path())
            .env("MAX_CONNECTIONS_PER_ADDRESS", "3")
            .env("TRUSTED_PROXIES", "127.0.0.3")
    };
    let server = program().start().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(answered(&server, "127.0.0.2").await.expect("closed below the limit"));
    }
    assert!(answered(&server, "127.0.0.2").await.is_none(), "answered beyond the limit");
    serves_others(&server).await;
    for _ in 0..8 {
        held.push(answered(&server, "127.0.0.3").await.expect("a proxy speaks for many"));
    }
    server.log().wait_for("too many connections").await;
    drop(held);
    // The server learns of it when it next looks at the sockets.
    let again = async { while answered(&server, "127.0.0.2").await.is_none() {} };
    timeout(PATIENCE, again).await.expect("places are not given back");
}
