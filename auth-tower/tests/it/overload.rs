use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, Sender, channel},
};

use auth_core::{
    Auth, Keys, Password, SecretKey,
    password::{HashError, PasswordHasher, Scratch, Verdict},
};
use auth_migration::test_util::TestDatabase;
use auth_tower::AuthService;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    sync::Notify,
    time::{Duration, timeout},
};

use crate::support::{Answer, Req, Transport};

/// A hasher that stands still until the other end of its gate is dropped.
struct Standing {
    entered: Arc<Notify>,
    gate: Mutex<Receiver<()>>,
}

impl PasswordHasher for Standing {
    fn hash(&self, _: &Password, _: &[u8; 16], _: &mut Scratch) -> Result<String, HashError> {
        Ok(String::new())
    }

    fn verify(&self, _: &Password, _: &str, _: &mut Scratch) -> Result<Verdict, HashError> {
        self.entered.notify_one();
        let _ = self.gate.lock().unwrap().recv();
        Ok(Verdict::Wrong)
    }

    fn decoy(&self) -> String {
        String::new()
    }
}

const LOGIN: &str = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;

/// One slot, and hashes that stand still until the sender is dropped.
async fn one_slot(database: &TestDatabase, queue: usize) -> (Auth, Arc<Notify>, Sender<()>) {
    let (entered, (open, gate)) = (Arc::new(Notify::new()), channel());
    let hasher = Standing { entered: Arc::clone(&entered), gate: Mutex::new(gate) };
    let keys = Keys::new(SecretKey::new([7; 32]).unwrap());
    // So much for one account at once is guessing, and would not get as far as the queue.
    let auth = Auth::builder(database.connect().await, keys)
        .hasher(Arc::new(hasher))
        .configure(|config| config.insecure_no_throttle = true);
    (
        auth.configure(|config| {
            config.hashing.slots = 1;
            config.hashing.queue = queue;
        })
        .build()
        .unwrap(),
        entered,
        open,
    )
}

async fn login(transport: Transport) -> Answer {
    transport.send(Req::post("/login").json(LOGIN).build()).await
}

#[tokio::test]
async fn a_full_queue_is_503_with_a_time_to_come_back() {
    let database = TestDatabase::sqlite().await;
    let (auth, entered, open) = one_slot(&database, 0).await;
    let service = AuthService::new(auth);
    let first = tokio::spawn(login(Transport::direct(service.clone())));
    entered.notified().await;
    let answer = login(Transport::direct(service)).await.expect_problem(503, "overloaded");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(answer.member("error"), "temporarily_unavailable");
    drop(open);
    first.await.unwrap().expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_client_that_disconnects_frees_its_place_in_the_queue() {
    let database = TestDatabase::sqlite().await;
    let (auth, entered, open) = one_slot(&database, 1).await;
    let hyper = Transport::hyper(AuthService::new(auth.clone())).await;
    let Transport::Socket { address, .. } = hyper else { panic!("hyper is a socket") };
    let first = tokio::spawn(login(hyper));
    entered.notified().await;
    let until = async |waiting| {
        while auth.hash_pool().waiting != waiting {
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_mins(1);
    for _ in 0..10 {
        let mut leaving = TcpStream::connect(address).await.unwrap();
        let length = LOGIN.len();
        let request = format!(
            "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{LOGIN}"
        );
        leaving.write_all(request.as_bytes()).await.unwrap();
        timeout(patience, until(1)).await.expect("it does not wait");
        drop(leaving);
        timeout(patience, until(0)).await.expect("its place is not free");
    }
    drop(open);
    first.await.unwrap().expect_problem(401, "invalid_credentials");
    assert_eq!((auth.hash_pool().finished, auth.hash_pool().refused), (1, 0));
}
