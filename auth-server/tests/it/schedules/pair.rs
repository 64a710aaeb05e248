//! Two processes on one database, and how to reach them.

use std::{sync::Arc, time::Duration};

use auth_migration::test_util::TestDatabase;
use http::header::SET_COOKIE;
use serde_json::json;
use tempfile::{TempDir, tempdir};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    time::{Instant, timeout},
};

use crate::support::{Answer, Client, KEY, PASSWORD, PATIENCE, Program, Server};

/// Few enough that no user comes near the limit of sessions.
const SESSIONS_PER_USER: usize = 20;
/// Requests under way at once; a server takes a hundred connections from one address.
const AT_ONCE: usize = 32;

/// A refresh cookie, as it is sent back, and the access token that came with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Cookie {
    pub(super) session: String,
    pub(super) text: String,
    pub(super) access_token: String,
}

impl Cookie {
    pub(super) fn of(answer: &Answer) -> Self {
        let session = answer.session();
        let claims = session.access_token.split('.').nth(1).unwrap();
        let claims = auth_core::test_util::forge::decode(claims);
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        Self {
            session: claims["sid"].as_str().unwrap().to_owned(),
            text: session.cookie,
            access_token: session.access_token,
        }
    }
}

pub(super) struct Pair {
    servers: [Server; 2],
    clients: [Client; 2],
    permits: Semaphore,
    _home: TempDir,
}

impl Pair {
    pub(super) async fn start(database: &TestDatabase, grace: Duration) -> Self {
        let home = tempdir().unwrap();
        let program = || {
            Program::in_directory(home.path())
                .env("DATABASE_URL", database.url())
                .env("SECRET_KEY", KEY)
                .env("PUBLIC_URL", "http://localhost:8000")
                .env("REFRESH_GRACE_SECONDS", &grace.as_secs().to_string())
                // Many sign in at once, from one address, and all of them are to get in, on a slow machine too.
                .env("THROTTLE", "off")
                .env("HASH_QUEUE", "10000")
                .env("HASH_WAIT_MS", "60000")
                .env("DATABASE_TIMEOUT_MS", "30000")
        };
        let servers = [program().start().await, program().start().await];
        let clients = [servers[0].client(), servers[1].client()];
        Self { servers, clients, permits: Semaphore::new(AT_ONCE), _home: home }
    }

    /// An account for each so many schedules.
    pub(super) async fn register_for(&self, schedules: usize) {
        for user in 0..schedules.div_ceil(SESSIONS_PER_USER) {
            assert_eq!(self.clients[0].register(&format!("user{user}@example.com")).await.status, 201);
        }
    }

    /// What a sign-in of this schedule answers, with this cookie.
    pub(super) async fn sign_in(&self, schedule: usize, server: usize, cookie: Option<&str>) -> Answer {
        let _permit = self.permits.acquire().await.unwrap();
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(cookie.map(|cookie| ("cookie", cookie)));
        self.clients[server].send("POST", "/login", &headers, &login(schedule)).await
    }

    /// The answer to a refresh, and when the request was sent.
    pub(super) async fn refresh(&self, server: usize, cookie: &str) -> (Answer, Instant) {
        let _permit = self.permits.acquire().await.unwrap();
        let sent = Instant::now();
        (self.clients[server].refresh(cookie).await, sent)
    }

    pub(super) async fn log_out(&self, server: usize, cookie: &str) -> Answer {
        let _permit = self.permits.acquire().await.unwrap();
        self.clients[server].logout(cookie).await
    }

    /// Sends a refresh, or the sign-in of a schedule, with this cookie, and drops the connection: when the answer begins,
    /// whose status this is, or at once.
    pub(super) async fn send_and_drop(
        &self,
        server: usize,
        sign_in_of: Option<usize>,
        cookie: &str,
        at_once: bool,
    ) -> Option<u16> {
        let _permit = self.permits.acquire().await.unwrap();
        let (path, body) = match sign_in_of {
            Some(schedule) => ("/login", login(schedule)),
            None => ("/refresh-token", String::new()),
        };
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n{kind}content-length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(self.servers[server].address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        if at_once {
            // To the server this is a client that is gone; once it has hung up as well, it is done with the request.
            stream.shutdown().await.unwrap();
            let mut rest = Vec::new();
            let hung_up = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
            let _ = hung_up.expect("the server does not hang up");
            return None;
        }
        let mut begin = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut begin)).await.expect("no answer").unwrap();
        Some(str::from_utf8(&begin).unwrap().rsplit_once(' ').unwrap().1.parse().unwrap())
    }

    /// Neither token of a session that is over is accepted; the cookie is taken away unless its client has left.
    pub(super) async fn expect_over(&self, server: usize, cookie: &Cookie, cleared: bool) {
        let (answer, _) = self.refresh(server, &cookie.text).await;
        assert_eq!((answer.status.as_u16(), clears(&answer)), (401, cleared), "{cookie:?}");
        let _permit = self.permits.acquire().await.unwrap();
        assert_eq!(self.clients[server].me(&cookie.access_token).await.status, 401, "{cookie:?}");
    }

    /// Ends both servers and returns what they said of used-up tokens that came back.
    pub(super) async fn alarms(self: Arc<Self>) -> Vec<String> {
        let Ok(pair) = Arc::try_unwrap(self) else { panic!("a client is not done") };
        let mut alarms = Vec::new();
        for server in pair.servers {
            server.signal("TERM").await;
            let (_, lines) = server.wait().await;
            alarms.extend(lines.into_iter().filter(|line| line.contains("refresh_reused")));
        }
        alarms
    }
}

fn login(schedule: usize) -> String {
    let email = format!("user{}@example.com", schedule / SESSIONS_PER_USER);
    json!({"email": email, "password": PASSWORD}).to_string()
}

/// Whether this refusal takes the cookie away. It never sets one.
pub(super) fn clears(answer: &Answer) -> bool {
    let set = answer.headers.get(SET_COOKIE).map(|value| value.to_str().unwrap());
    assert!(set.is_none_or(|set| set.ends_with("Max-Age=0")), "{set:?}");
    set.is_some()
}
