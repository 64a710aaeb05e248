//! SIGHUP: what can change while the server runs, under load, and what cannot.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    keys::header,
    support::{KEY, PASSWORD, PATIENCE, Program, Server, Session},
};

const OTHER_KEY: &str = "xR7pLm2KvQ9tZc4WnY6uJh1GfDsAe3Bi-oU8wTkNqM5rXyVbC0";
const TAKEN: &str = "the settings were read again; their keys are in force";
const REFUSED: &str = "the settings were read again, and everything stays as it was";

fn program(home: &Path) -> Program {
    Program::in_directory(home).env("PUBLIC_URL", "http://localhost:8000")
}

/// Writes the settings and says so to the server; the line that it answers with.
async fn reload(server: &Server, home: &Path, settings: &str, expected: &str) -> Value {
    let before = server.log().lines().iter().filter(|line| line.contains(expected)).count();
    fs::write(home.join(".env"), settings).unwrap();
    server.signal("HUP").await;
    serde_json::from_str(&server.log().wait_for_nth(expected, before).await).unwrap()
}

/// Clients that refresh and ask, on connections that stay open, until told to stop. Every answer has to be good.
struct Load {
    stop: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
    clients: JoinSet<Session>,
}

impl Load {
    async fn start(server: &Server) -> Self {
        let (stop, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for number in 0..3 {
            let client = server.client();
            let mut session = client.sign_up(&format!("user{number}@example.com")).await;
            let (stop, requests) = (Arc::clone(&stop), Arc::clone(&requests));
            clients.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let former = session.access_token.clone();
                    session = client.refresh(&session.cookie).await.session();
                    for access in [&former, &session.access_token] {
                        assert_eq!(client.me(access).await.status, 200);
                        assert_eq!(client.verify(access).await.status, 204);
                    }
                    requests.fetch_add(5, Ordering::SeqCst);
                }
                session
            });
        }
        Self { stop, requests, clients }
    }

    /// Until so many more requests are answered.
    async fn go_on(&self, more: usize) {
        let enough = self.requests.load(Ordering::SeqCst) + more;
        let going = async {
            while self.requests.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, going).await.expect("a client was refused, or the server stands still");
    }

    async fn end(self) -> Vec<Session> {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_private_keys_and_algorithms_change_under_load_and_no_request_fails() {
    let home = tempdir().unwrap();
    let home = home.path();
    for (name, text) in [("key", KEY), ("other", OTHER_KEY), (".env", "SECRET_KEY_FILE=key\n")] {
        fs::write(home.join(name), text).unwrap();
    }
    let made = program(home).args(&["keys", "generate", "--out", "file.pem"]).run().await;
    assert_eq!(made.code, Some(0));
    let server = program(home).start().await;
    let load = Load::start(&server).await;

    // The file that is named stays the same, and what is in it changes.
    fs::write(home.join("key"), OTHER_KEY).unwrap();
    fs::write(home.join("other"), KEY).unwrap();
    let secrets = "SECRET_KEY_FILE=key\nSECRET_KEY_PREVIOUS_FILE=other\n";
    reload(&server, home, secrets, TAKEN).await;
    load.go_on(60).await;
    let by_file = format!("{secrets}ALGORITHM=EdDSA\nPRIVATE_KEY_FILE=file.pem\nALGORITHM_PREVIOUS=HS256\n");
    reload(&server, home, &by_file, TAKEN).await;
    load.go_on(60).await;

    // Too early: there is no key in the ring yet.
    let by_ring =
        format!("{secrets}ALGORITHM=EdDSA\nPRIVATE_KEY_PREVIOUS_FILE=file.pem\nALGORITHM_PREVIOUS=HS256\n");
    let line = reload(&server, home, &by_ring, REFUSED).await;
    assert!(
        line["message"]
            .as_str()
            .unwrap()
            .contains("ALGORITHM EdDSA signs with the key ring, which has no key yet")
    );
    fs::write(home.join(".env"), &by_file).unwrap();
    let rotated = program(home).args(&["keys", "rotate"]).run().await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    reload(&server, home, &by_ring, TAKEN).await;
    load.go_on(60).await;
    reload(
        &server,
        home,
        &format!("{secrets}ALGORITHM_PREVIOUS=HS256\nPRIVATE_KEY_PREVIOUS_FILE=file.pem\n"),
        TAKEN,
    )
    .await;
    load.go_on(60).await;

    for session in load.end().await {
        assert_eq!(header(&session)["alg"], "HS256");
    }
    let set = server.client().get("/.well-known/jwks.json").await.body;
    assert_eq!(set["keys"].as_array().unwrap().len(), 2, "of the file and of the ring");
    let said = server.log().lines().join("\n");
    assert!(!said.contains(KEY) && !said.contains(OTHER_KEY));
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_leaves_everything_as_it_was_and_is_one_line() {
    let home = tempdir().unwrap();
    let home = home.path();
    let server = program(home).start().await;
    let client = server.client();
    let session = client.sign_up("ada@example.com").await;
    for (settings, problem) in [
        ("SECRET_KEY=short", "SECRET_KEY (.env) has 5 bytes"),
        ("SECRET_KEY_FILE=missing", "SECRET_KEY_FILE (.env) names a file that cannot be read"),
        ("ALGORITHM=EdDSA", "ALGORITHM EdDSA signs with the key ring, which has no key yet"),
        ("HASH_QUEUE=x", "HASH_QUEUE (.env) is not a whole number"),
        ("PORT: hush hush", "PORT (.env, line 1)"),
    ] {
        let errors =
            |server: &Server| server.log().lines().iter().filter(|line| line.contains("ERROR")).count();
        let before = errors(&server);
        let line = reload(&server, home, settings, REFUSED).await;
        let message = line["message"].as_str().unwrap();
        assert_eq!(
            message,
            format!("{REFUSED}: {}", message.split(": ").skip(1).collect::<Vec<_>>().join(": "))
        );
        assert!(message.contains(problem) && !message.contains("hush"), "{message}");
        assert_eq!((line["level"].as_str(), errors(&server)), (Some("ERROR"), before + 1));
        assert_eq!(client.me(&session.access_token).await.status, 200);
    }
    // Nor is a key made that would sign everybody out.
    fs::rename(home.join("auth.key"), home.join("kept")).unwrap();
    reload(&server, home, "", REFUSED).await;
    assert!(!home.join("auth.key").exists());
    fs::rename(home.join("kept"), home.join("auth.key")).unwrap();
    reload(&server, home, "", TAKEN).await;
    assert_eq!(client.refresh(&session.cookie).await.status, 200);
}

#[tokio::test]
async fn what_takes_a_start_is_named_and_a_request_under_way_goes_on() {
    let home = tempdir().unwrap();
    let home = home.path();
    fs::write(home.join("url"), "sqlite://auth.db?mode=rwc").unwrap();
    fs::write(home.join(".env"), "DATABASE_URL_FILE=url\nHASH_QUEUE=7\n").unwrap();
    let server = program(home).env("ISSUER", "of the environment").start().await;
    assert_eq!(server.client().register("ada@example.com").await.status, 201);

    let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();

    fs::write(home.join("url"), "sqlite://auth.db?mode=rwc&cache=private").unwrap();
    let settings =
        "DATABASE_URL_FILE=url\nHASH_QUEUE=8\nISSUER='of .env'\nPORT=1\nACCESS_TOKEN_EXPIRE_MINUTES=5\n";
    reload(&server, home, settings, TAKEN).await;
    let warned = server.log().wait_for("HASH_QUEUE has changed").await;
    assert!(warned.contains("takes effect at the next start only"), "{warned}");
    let lines = server.log().lines();
    let named: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split(" has changed, ").next().filter(|_| line.contains("next start only")))
        .map(|line| line.rsplit('"').next().unwrap())
        .collect();
    // Flags and environment are those of the start: neither `ISSUER` nor `PORT` has changed.
    assert_eq!(named, ["ACCESS_TOKEN_EXPIRE_MINUTES", "DATABASE_URL", "HASH_QUEUE"]);

    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"expires_in\":900"), "{answer}");
}
