//! A new key every second beside two running servers under load, and other services that verify by the published set.
//! As long as `AUTH_TEST_ROTATION_SECONDS` says, by default a few seconds.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "how long it takes is told from outside, and what was measured is there to be read"
)]

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use auth_core::TokenVerifier;
use auth_migration::{each_database, test_util::TestDatabase};
use tempfile::tempdir;
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep},
};

use crate::{
    keys::header,
    support::{Client, KEY, Program},
};

const US: &str = "http://localhost:8000";
const POLL: Duration = Duration::from_millis(100);
/// Tokens live for a minute; those that may end on the way are not asked about.
const YOUNG: Duration = Duration::from_secs(50);

fn program(home: &Path, database: &TestDatabase) -> Program {
    Program::in_directory(home)
        .env("DATABASE_URL", database.url())
        .env("DATABASE_TIMEOUT_MS", "30000")
        .env("SECRET_KEY", KEY)
        .env("PUBLIC_URL", US)
        .env("ALGORITHM", "EdDSA")
        .env("ACCESS_TOKEN_EXPIRE_MINUTES", "1")
        .env("REFRESH_GRACE_SECONDS", "2")
        .env("REVOCATION_POLL_MS", "100")
        .env("KEY_PUBLISH_AHEAD_SECONDS", "2")
}

/// A service that keeps the set for as long as it may, and asks again earlier only for a key that it lacks.
struct OtherService {
    issuer: Client,
    verifier: TokenVerifier,
    keep: Duration,
    fetched: Instant,
    early: usize,
}

impl OtherService {
    async fn new(issuer: Client) -> Self {
        let (set, keep) = fetch(&issuer).await;
        let verifier = TokenVerifier::from_jwks(&set, US, US).unwrap();
        Self { issuer, verifier, keep, fetched: Instant::now(), early: 0 }
    }

    async fn accepts(&mut self, token: &str) -> bool {
        let lacks = self.verifier.lacks_key_of(token);
        if lacks || self.fetched.elapsed() >= self.keep {
            self.early += usize::from(lacks);
            // Before the answer, as whoever keeps it counts.
            self.fetched = Instant::now();
            (_, self.keep) = self.fetch().await;
        }
        self.verifier.verify(token).is_ok()
    }

    async fn fetch(&self) -> (String, Duration) {
        let (set, keep) = fetch(&self.issuer).await;
        self.verifier.set_jwks(&set).unwrap();
        (set, keep)
    }
}

async fn fetch(issuer: &Client) -> (String, Duration) {
    let answer = issuer.get("/.well-known/jwks.json").await;
    let keep = answer.headers["cache-control"].to_str().unwrap().strip_prefix("public, max-age=").unwrap();
    (answer.body.to_string(), Duration::from_secs(keep.parse().unwrap()))
}

#[derive(Default)]
struct Counts {
    tokens: AtomicUsize,
    checks: AtomicUsize,
    early: AtomicUsize,
}

/// One user, who refreshes at either server, and shows the tokens of the last minute to everyone.
async fn use_it(
    user: usize,
    clients: [Client; 2],
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
) -> HashSet<String> {
    let mut session = clients[user % 2].sign_up(&format!("user{user}@example.com")).await;
    let mut others =
        [OtherService::new(clients[0].clone()).await, OtherService::new(clients[1].clone()).await];
    let mut kept: Vec<(String, Instant)> = Vec::new();
    let mut signing = HashSet::new();
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        session = if round % 20 == 19 {
            clients[round % 2].login(&format!("user{user}@example.com")).await.session()
        } else {
            clients[round % 2].refresh(&session.cookie).await.session()
        };
        signing.insert(header(&session)["kid"].as_str().unwrap().to_owned());
        counts.tokens.fetch_add(1, Ordering::SeqCst);
        kept.retain(|(_, since)| since.elapsed() < YOUNG);
        kept.push((session.access_token.clone(), Instant::now()));
        // The newest, the oldest, and one in between.
        for at in [kept.len() - 1, 0, (round * 7919) % kept.len()] {
            let (token, since) = &kept[at];
            let age = since.elapsed();
            for client in &clients {
                assert_eq!(client.verify(token).await.status, 204, "{age:?} old");
                assert_eq!(client.me(token).await.status, 200, "{age:?} old");
            }
            for other in &mut others {
                assert!(other.accepts(token).await, "{age:?} old");
            }
            counts.checks.fetch_add(6, Ordering::SeqCst);
        }
    }
    counts.early.fetch_add(others.iter().map(|other| other.early).sum(), Ordering::SeqCst);
    signing
}

each_database! {
    async fn a_new_key_every_second_refuses_no_good_token_and_a_revoked_one_is_over_after_the_bound(database: &TestDatabase) {
        let seconds = std::env::var("AUTH_TEST_ROTATION_SECONDS").map_or(8, |text| text.parse().unwrap());
        let home = tempdir().unwrap();
        let servers = [program(home.path(), database).start().await, program(home.path(), database).start().await];
        let clients = [servers[0].client(), servers[1].client()];
        let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
        let mut users = JoinSet::new();
        for user in 0..4 {
            users.spawn(use_it(user, clients.clone(), Arc::clone(&stop), Arc::clone(&counts)));
        }
        let mut ticks = interval(Duration::from_secs(1));
        for _ in 0..seconds {
            ticks.tick().await;
            let ended = program(home.path(), database).args(&["keys", "rotate"]).run().await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
        stop.store(true, Ordering::SeqCst);
        let signing: HashSet<_> = users.join_all().await.into_iter().flatten().collect();
        eprintln!(
            "{seconds} s: {} keys signed {} tokens, {} checks, none refused; {} times a service had to ask early",
            signing.len(),
            counts.tokens.load(Ordering::SeqCst),
            counts.checks.load(Ordering::SeqCst),
            counts.early.load(Ordering::SeqCst),
        );
        assert!(signing.len() >= seconds / 2, "the key did not change under load");

        // Now the one that signs has leaked.
        let mut others = [OtherService::new(clients[0].clone()).await, OtherService::new(clients[1].clone()).await];
        let stolen = clients[0].login("user0@example.com").await.session();
        let id = header(&stolen)["kid"].as_str().unwrap().to_owned();
        // Short of the time for which the copies are kept.
        let ended = program(home.path(), database).args(&["keys", "revoke", "--", &id]).run().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let revoked = Instant::now();
        let mut last = [Duration::ZERO; 2];
        let keep = others[0].keep;
        // A poll may be late on a busy machine; it is not lost.
        let bound = POLL * 10 + keep;
        while revoked.elapsed() < bound + Duration::from_secs(1) {
            let here = [
                clients[0].me(&stolen.access_token).await.status == 200,
                clients[1].verify(&stolen.access_token).await.status == 204,
            ];
            let there = [others[0].accepts(&stolen.access_token).await, others[1].accepts(&stolen.access_token).await];
            for (kind, accepted) in [here, there].iter().enumerate() {
                if accepted.contains(&true) {
                    last[kind] = revoked.elapsed();
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
        eprintln!("revoked: last accepted by the servers after {:?}, by other services after {:?}", last[0], last[1]);
        assert!(last[0] < POLL * 10 && last[1] < bound, "{last:?}");
        let renewed = clients[1].refresh(&stolen.cookie).await.session();
        for client in &clients {
            assert_eq!(client.me(&renewed.access_token).await.status, 200, "nobody is signed out");
        }
    }
}
