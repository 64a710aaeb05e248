//! TLS: the versions and protocols that are spoken, what a certificate may be, and how it changes under way.

use std::{fs, io, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    CipherSuite, ClientConfig, RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs, aws_lc_rs::cipher_suite},
    pki_types::{CertificateDer, ServerName},
};
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Connection, PATIENCE, Program, Server};

const TAKEN: &str = "the settings were read again; their keys are in force";
const REFUSED: &str = "the settings were read again, and everything stays as it was";

/// A certificate for this machine, and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self::until(4096)
    }

    fn until(year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate: certificate.der().clone(), key: key.serialize_der() }
    }

    pub(crate) fn write(&self, home: &Path) {
        fs::write(home.join("cert.pem"), pem("CERTIFICATE", &self.certificate)).unwrap();
        fs::write(home.join("key.pem"), pem("PRIVATE KEY", &self.key)).unwrap();
    }

    /// By somebody who believes this one and no other.
    async fn connect(&self, server: &Server, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
        self.connect_with(aws_lc_rs::default_provider(), server, protocols).await
    }

    async fn connect_with(
        &self,
        provider: CryptoProvider,
        server: &Server,
        protocols: &[&str],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(provider);
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(server.address()).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
        timeout(PATIENCE, handshake).await.expect("no handshake")
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn program(home: &Path) -> Program {
    Program::in_directory(home).env("TLS_CERT_FILE", "cert.pem").env("TLS_KEY_FILE", "key.pem")
}

#[tokio::test]
async fn http_2_and_http_1_are_chosen_in_the_handshake_and_people_sign_in() {
    let home = tempdir().unwrap();
    let identity = Identity::new();
    identity.write(home.path());
    let server = program(home.path()).start().await;
    let line = server.log().wait_for("listening on https://localhost:").await;
    assert!(line.contains("try: curl -i https://localhost:"), "{line}");

    let stream = identity.connect(&server, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut http2 = Connection::http2(stream).await;
    assert_eq!(http2.post_credentials("/register", &[]).await.status, 201);
    let stream = identity.connect(&server, &["http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut http1 = Connection::http1(stream).await;
    // A client that says nothing about it speaks HTTP/1.1.
    let mut silent = Connection::http1(identity.connect(&server, &[]).await.unwrap()).await;
    assert!(identity.connect(&server, &["h3"]).await.is_err(), "nothing is left to speak");

    // Pages of the origin that is told at the start may sign in, and the same on http is another.
    let origin = server.origin();
    let login = http1.post_credentials("/login", &[("origin", &origin)]).await;
    let session = login.session();
    assert!(session.cookie.starts_with("__Host-refresh_token="));
    let other = http1.post_credentials("/login", &[("origin", &origin.replace("https", "http"))]).await;
    assert_eq!(other.status, 403);
    let bearer = format!("Bearer {}", session.access_token);
    for connection in [&mut http1, &mut http2, &mut silent] {
        let me = connection.send("GET", "/users/me", &[("authorization", &bearer)], "").await;
        assert_eq!((me.status.as_u16(), &me.body["email"]), (200, &"ada@example.com".into()));
    }
    let renewed = http2.send("POST", "/refresh-token", &[("cookie", &session.cookie)], "").await.session();
    assert_eq!(http1.send("POST", "/logout", &[("cookie", &renewed.cookie)], "").await.status, 204);
}

#[tokio::test]
async fn every_answer_over_tls_asks_to_come_by_tls_only() {
    let home = tempdir().unwrap();
    let identity = Identity::new();
    identity.write(home.path());
    let program =
        program(home.path()).env("PUBLIC_URL", "https://auth.example.com").env("HSTS", "max-age=300");
    let server = program.start().await;
    let mut connection = Connection::http1(identity.connect(&server, &[]).await.unwrap()).await;
    let taken_back = Program::in_directory(home.path()).args(&["migrate", "down"]).run().await;
    assert_eq!(taken_back.code, Some(0), "{taken_back:?}");
    let asked = async {
        while connection.get("/health/ready").await.status != 503 {}
        connection.get("/health/ready").await
    };
    let mut answers = vec![timeout(PATIENCE, asked).await.expect("readiness does not change")];
    for (method, path, expected) in [
        ("GET", "/health/live", 200),
        ("HEAD", "/health/live", 200),
        ("POST", "/health/live", 405),
        ("GET", "/users/me", 401),
        ("GET", "/nope", 404),
        ("DELETE", "/login", 405),
        ("POST", "/login", 400),
    ] {
        let answer = connection.send(method, path, &[], "").await;
        assert_eq!(answer.status, expected, "{method} {path}");
        answers.push(answer);
    }
    for answer in answers {
        let hsts = answer.headers.get("strict-transport-security");
        assert_eq!(hsts.unwrap(), "max-age=300", "{answer:?}");
    }
}

/// The first message of a client that knows no version above this one, and ciphers of each.
fn client_hello(version: u8) -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 23, // supported_groups: secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
        0, 13, 0, 4, 0, 2, 4, 3, // signature_algorithms: ecdsa_secp256r1_sha256
    ];
    let mut hello = vec![3, version];
    hello.extend([7; 32]);
    hello.push(0);
    // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, and with AES_128_CBC_SHA for the older ones.
    hello.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x09, 1, 0]);
    hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length], &hello[..]].concat()
}

/// What the server says to these first bytes, and how long it took until it had closed.
async fn says(server: &Server, bytes: &[u8]) -> (Vec<u8>, u64) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let asked = Instant::now();
    let mut answer = Vec::new();
    // It may close with a reset where not all was read.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection stays open");
    (answer, asked.elapsed().as_secs())
}

#[tokio::test]
async fn versions_before_tls_1_2_are_refused() {
    let home = tempdir().unwrap();
    Identity::new().write(home.path());
    let server = program(home.path()).start().await;
    for version in [0, 1, 2] {
        let (answer, _) = says(&server, &client_hello(version)).await;
        // An alert, fatal: protocol_version.
        assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]), "3.{version}: {answer:?}");
    }
    // The same with TLS 1.2 is answered, and so it was the version.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(&client_hello(3)).await.unwrap();
    let mut answer = [0; 11];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("no answer").unwrap();
    assert_eq!(
        (answer[0], answer[5], &answer[9..]),
        (22, 2, &[3, 3][..]),
        "a ServerHello of 1.2: {answer:?}"
    );
}

#[tokio::test]
async fn of_the_ciphers_that_both_know_the_strongest_is_taken() {
    let home = tempdir().unwrap();
    let identity = Identity::new();
    identity.write(home.path());
    let server = program(home.path()).start().await;
    for (ciphers, expected) in [
        (
            [cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384],
            CipherSuite::TLS13_AES_256_GCM_SHA384,
        ),
        (
            [
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            ],
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ),
    ] {
        // The client would rather have the other.
        let provider = CryptoProvider { cipher_suites: ciphers.to_vec(), ..aws_lc_rs::default_provider() };
        let stream = identity.connect_with(provider, &server, &[]).await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_cipher_suite().unwrap().suite(), expected);
    }
}

#[tokio::test]
async fn plain_http_on_the_tls_port_gets_no_redirect_and_no_answer() {
    let home = tempdir().unwrap();
    let identity = Identity::new();
    identity.write(home.path());
    let server = program(home.path()).start().await;
    for request in [
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let (answer, seconds) = says(&server, request.as_bytes()).await;
        assert!(!answer.windows(4).any(|part| part == b"HTTP"), "{}", String::from_utf8_lossy(&answer));
        assert!(answer.is_empty() || answer[0] == 21, "an alert or nothing: {answer:?}");
        assert!(seconds < 8, "{seconds}");
    }
    let mut connection = Connection::http1(identity.connect(&server, &[]).await.unwrap()).await;
    assert_eq!(connection.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_after_a_while_and_holds_up_nobody() {
    let home = tempdir().unwrap();
    let identity = Identity::new();
    identity.write(home.path());
    let server = program(home.path()).env("MAX_CONNECTIONS", "6").start().await;
    let hello = client_hello(3);
    let others = async {
        for _ in 0..3 {
            let mut connection = Connection::http1(identity.connect(&server, &[]).await.unwrap()).await;
            assert_eq!(connection.get("/health/live").await.status, 200);
        }
        Instant::now()
    };
    let begun = Instant::now();
    let (nothing, header, half, answered) = tokio::join!(
        says(&server, b""),
        says(&server, &hello[..5]),
        says(&server, &hello[..hello.len() - 1]),
        others,
    );
    for (answer, seconds) in [nothing, header, half] {
        assert!(answer.is_empty(), "{answer:?}");
        assert!((9..30).contains(&seconds), "closed after {seconds} s");
    }
    assert!(answered.duration_since(begun).as_secs() < 8, "the others had to wait");

    // While there are such connections the server ends at once all the same.
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let asked = Instant::now();
    server.signal("TERM").await;
    let (status, log) = server.wait().await;
    assert!(status.success() && asked.elapsed().as_secs() < 8, "{log:#?}");
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_changes_nothing() {
    let home = tempdir().unwrap();
    let home = home.path();
    let (old, new) = (Identity::new(), Identity::new());
    old.write(home);
    let server = program(home).start().await;
    let mut open = Connection::http1(old.connect(&server, &[]).await.unwrap()).await;
    assert_eq!(open.get("/health/live").await.status, 200);

    new.write(home);
    server.signal("HUP").await;
    server.log().wait_for(TAKEN).await;
    assert!(old.connect(&server, &[]).await.is_err(), "the old certificate is still shown");
    let mut renewed = Connection::http1(new.connect(&server, &[]).await.unwrap()).await;
    for connection in [&mut open, &mut renewed] {
        assert_eq!(connection.get("/health/live").await.status, 200);
    }

    let other_key = pem("PRIVATE KEY", &old.key);
    for (count, (file, text, problem)) in [
        ("cert.pem", "no certificate", "TLS_CERT_FILE (environment) names a file with no certificate in it"),
        ("key.pem", &*other_key, "TLS_KEY_FILE names a key that does not belong to the certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(home.join(file), text).unwrap();
        server.signal("HUP").await;
        let line = server.log().wait_for_nth(REFUSED, count).await;
        assert!(line.contains(problem) && line.contains("ERROR"), "{line}");
        new.connect(&server, &[]).await.unwrap();
        new.write(home);
    }
    for connection in [&mut open, &mut renewed] {
        assert_eq!(connection.get("/health/live").await.status, 200);
    }
}

#[tokio::test]
async fn tls_does_not_end_by_a_signal_and_other_names_of_files_are_followed() {
    let home = tempdir().unwrap();
    let home = home.path();
    let (old, new) = (Identity::new(), Identity::new());
    old.write(home);
    fs::write(home.join(".env"), "TLS_CERT_FILE=cert.pem\nTLS_KEY_FILE=key.pem\n").unwrap();
    let server = Program::in_directory(home).start().await;
    fs::create_dir(home.join("new")).unwrap();
    new.write(&home.join("new"));
    fs::write(home.join(".env"), "TLS_CERT_FILE=new/cert.pem\nTLS_KEY_FILE=new/key.pem\n").unwrap();
    server.signal("HUP").await;
    server.log().wait_for(TAKEN).await;
    new.connect(&server, &[]).await.unwrap();
    assert!(!server.log().lines().iter().any(|line| line.contains("next start only")));

    fs::write(home.join(".env"), "").unwrap();
    server.signal("HUP").await;
    for name in ["TLS_CERT_FILE", "TLS_KEY_FILE"] {
        server
            .log()
            .wait_for(&format!("{name} has changed, which takes effect at the next start only"))
            .await;
    }
    new.connect(&server, &[]).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start_and_one_that_is_over_is_warned_of() {
    const BOTH: [(&str, &str); 2] = [("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem")];
    let home = tempdir().unwrap();
    let home = home.path();
    let identity = Identity::until(2020);
    identity.write(home);
    fs::write(home.join("other.pem"), pem("PRIVATE KEY", &Identity::new().key)).unwrap();
    fs::write(home.join("locked.pem"), pem("ENCRYPTED PRIVATE KEY", b"hush")).unwrap();
    fs::write(home.join("torn.pem"), "-----BEGIN CERTIFICATE-----\nhush\n").unwrap();
    for (settings, expected) in [
        (&BOTH[..1], "TLS_KEY_FILE is needed with TLS_CERT_FILE"),
        (&BOTH[1..], "TLS_CERT_FILE is needed with TLS_KEY_FILE"),
        (&[("TLS_CERT_FILE", "none")], "TLS_CERT_FILE (environment) names a file that cannot be read"),
        (
            &[("TLS_CERT_FILE", "key.pem")],
            "TLS_CERT_FILE (environment) names a file with no certificate in it",
        ),
        (&[("TLS_CERT_FILE", "torn.pem")], "TLS_CERT_FILE (environment) names a file that is damaged"),
        (&[("TLS_KEY_FILE", "none")], "TLS_KEY_FILE (environment) names a file that cannot be read"),
        (
            &[("TLS_KEY_FILE", "cert.pem")],
            "TLS_KEY_FILE (environment) names a file with no private key in it",
        ),
        (&[("TLS_KEY_FILE", "locked.pem")], "TLS_KEY_FILE (environment) names a key that is encrypted"),
        (&[BOTH[0], ("TLS_KEY_FILE", "other.pem")], "TLS_KEY_FILE names a key that does not belong to the"),
        (
            &[BOTH[0], BOTH[1], ("PUBLIC_URL", "http://a.example")],
            "PUBLIC_URL is http while TLS_CERT_FILE is set",
        ),
        (
            &[BOTH[0], BOTH[1], ("COOKIE_SECURE", "false")],
            "COOKIE_SECURE cannot be false while PUBLIC_URL is https",
        ),
    ] {
        let program =
            settings.iter().fold(Program::in_directory(home), |p, (name, value)| p.env(name, value));
        let ended = program.run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{settings:?}: {ended:?}");
        assert!(ended.stderr.starts_with(&format!("auth-server: {expected}")), "{settings:?}: {ended:?}");
        assert!(!ended.stderr.contains("hush") && !home.join("auth.db").exists(), "{ended:?}");
    }
    let shown = program(home).args(&["config"]).run().await;
    assert!(shown.stderr.contains("the certificate of TLS_CERT_FILE has been over for"), "{shown:?}");
    for line in ["TLS_CERT_FILE=cert.pem  # environment", "PUBLIC_URL=https://localhost:0  # default"] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "{}", shown.stdout);
    }
}
