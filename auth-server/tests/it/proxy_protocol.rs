//! `PROXY_PROTOCOL=v2`: a proxy that looks into no connection tells whose it is.

use std::{net::IpAddr, path::Path, process::Stdio};

use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, UnixStream},
    process::{Child, Command},
    time::{Instant, timeout},
};

use crate::support::{Connection, PATIENCE, Program, Server};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn announcement(client: &str) -> Vec<u8> {
    let (family, mut addresses) = match client.parse().unwrap() {
        IpAddr::V4(ip) => (0x11, [ip.octets(), [127, 0, 0, 1]].concat()),
        IpAddr::V6(ip) => (0x21, [ip.octets(), [0; 16]].concat()),
    };
    addresses.extend([0x12, 0x67, 0x01, 0xbb]);
    let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x21, family], &length, &addresses].concat()
}

fn program(home: &Path) -> Program {
    Program::in_directory(home).env("PROXY_PROTOCOL", "v2").env("TRUSTED_PROXIES", "127.0.0.1")
}

/// A connection of 127.0.0.`host`, of which the first is the proxy.
async fn connect(address: &str, host: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, host], 0).into()).unwrap();
    socket.connect(address.parse().unwrap()).await.unwrap()
}

/// Where the only session of whoever signs in is, as it is recorded.
async fn seen_as(mut connection: Connection, headers: &[(&str, &str)]) -> String {
    connection.post_credentials("/register", headers).await;
    let session = connection.post_credentials("/login", headers).await.session();
    let bearer = format!("Bearer {}", session.access_token);
    let told = connection.send("GET", "/users/me/sessions", &[("authorization", &bearer)], "").await;
    let sessions = told.body["sessions"].as_array().unwrap().clone();
    let own = sessions.iter().find(|session| session["current"] == true).unwrap();
    own["ip"].as_str().unwrap().to_owned()
}

/// What comes back for `sent`, until the connection is closed.
async fn answer(mut stream: TcpStream, sent: &[u8]) -> String {
    let _ = stream.write_all(sent).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it stays open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_client_of_a_connection_is_the_one_that_the_proxy_tells() {
    let home = tempdir().unwrap();
    let server = program(home.path()).start().await;
    let forwarded = [("x-forwarded-for", "198.51.100.1")];
    for client in ["192.0.2.7", "2001:db8::7"] {
        let mut stream = connect(server.address(), 1).await;
        stream.write_all(&announcement(client)).await.unwrap();
        // The client is no proxy of ours: what it says of itself is not believed.
        assert_eq!(seen_as(Connection::http1(stream).await, &forwarded).await, client);
    }
    // The proxy itself, that looks after us: what it says of others is.
    let mut stream = connect(server.address(), 1).await;
    stream.write_all(&[SIGNATURE, &[0x20, 0, 0, 0]].concat()).await.unwrap();
    assert_eq!(seen_as(Connection::http2(stream).await, &forwarded).await, "198.51.100.1");
}

#[tokio::test]
async fn a_connection_of_the_proxy_without_a_header_is_closed_and_a_strangers_is_not_read_so() {
    let home = tempdir().unwrap();
    let server = program(home.path()).start().await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".as_slice();
    let proxied = async |sent: &[u8]| answer(connect(server.address(), 1).await, sent).await;
    assert!(proxied(&[&announcement("192.0.2.7"), request].concat()).await.starts_with("HTTP/1.1 200"));
    let of_nobody = [SIGNATURE, &[0x21, 0, 0, 0]].concat();
    let version_1 = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n";
    for header in [&b""[..], version_1, &of_nobody, &announcement("192.0.2.7")[1..]] {
        assert_eq!(proxied(&[header, request].concat()).await, "", "{header:?}");
    }
    server.log().wait_for("a connection of a proxy does not begin as it should").await;

    let stranger = async |sent: &[u8]| answer(connect(server.address(), 2).await, sent).await;
    assert!(stranger(request).await.starts_with("HTTP/1.1 200"));
    let forged = stranger(&[&announcement("192.0.2.7"), request].concat()).await;
    assert!(!forged.contains(" 200 "), "{forged}");
    assert_eq!(seen_as(Connection::http1(connect(server.address(), 2).await).await, &[]).await, "127.0.0.2");
}

#[tokio::test]
async fn each_client_behind_the_proxy_has_its_own_share_of_connections() {
    let home = tempdir().unwrap();
    let server = program(home.path()).env("MAX_CONNECTIONS_PER_ADDRESS", "2").start().await;
    let request = b"GET /users/me HTTP/1.1\r\nhost: x\r\n\r\n".as_slice();
    let ask = async |client: &str| {
        let mut stream = connect(server.address(), 1).await;
        let _ = stream.write_all(&[&announcement(client), request].concat()).await;
        let mut beginning = [0; 12];
        let read = timeout(PATIENCE, stream.read_exact(&mut beginning)).await.expect("no answer and no end");
        read.is_ok().then_some(stream)
    };
    let crowd = [ask("192.0.2.7").await, ask("192.0.2.7").await];
    assert!(crowd.iter().all(Option::is_some));
    assert!(ask("192.0.2.7").await.is_none(), "it has as many as it may");
    assert!(ask("192.0.2.8").await.is_some(), "another has its own");
    drop(crowd);
}

#[tokio::test]
async fn through_the_file_of_a_socket_a_connection_is_announced_too() {
    let home = tempdir().unwrap();
    let path = home.path().join("auth.socket");
    let program = Program::in_directory(home.path())
        .env("PROXY_PROTOCOL", "v2")
        .env("UNIX_SOCKET", path.to_str().unwrap())
        .env("PUBLIC_URL", "https://auth.example.com");
    let _server = program.start().await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(&announcement("192.0.2.7")).await.unwrap();
    assert_eq!(seen_as(Connection::http1(stream).await, &[]).await, "192.0.2.7");
}

/// Passes connections on as they are, and says whose they are.
fn haproxy(home: &Path, server: &Server) -> Child {
    let (home, address) = (home.display(), server.address());
    let config = format!(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         frontend in\n  bind unix@{home}/haproxy.socket accept-proxy\n  default_backend auth\n\
         backend auth\n  server auth {address} send-proxy-v2 check\n"
    );
    std::fs::write(format!("{home}/haproxy.cfg"), config).unwrap();
    let start = "PATH=$PATH:/usr/sbin exec haproxy -db -q -f \"$0\"";
    Command::new("sh")
        .args(["-c", start, &format!("{home}/haproxy.cfg")])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("haproxy is installed")
}

#[tokio::test]
#[ignore = "needs haproxy"]
async fn haproxy_tells_whose_a_connection_is() {
    let home = tempdir().unwrap();
    let server = program(home.path()).start().await;
    let _haproxy = haproxy(home.path(), &server);
    let deadline = Instant::now() + PATIENCE;
    for client in ["192.0.2.7", "2001:db8::7"] {
        let mut stream = loop {
            match UnixStream::connect(home.path().join("haproxy.socket")).await {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "haproxy does not listen: {error}"),
            }
            tokio::task::yield_now().await;
        };
        // It is told itself, as by another one in front of it.
        stream.write_all(&announcement(client)).await.unwrap();
        assert_eq!(seen_as(Connection::http1(stream).await, &[]).await, client);
    }
}
