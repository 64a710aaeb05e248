use std::sync::{
    Arc, Mutex,
    mpsc::{Receiver, channel},
};

use auth_core::{
    Auth, Keys, Password, SecretKey,
    password::{HashError, PasswordHasher, Verdict},
};
use auth_migration::test_util::TestDatabase;
use auth_tower::AuthService;
use tokio::sync::Notify;

use crate::support::{Req, Transport};

/// A hasher that stands still until the other end of its gate is dropped.
struct Standing {
    entered: Arc<Notify>,
    gate: Mutex<Receiver<()>>,
}

impl PasswordHasher for Standing {
    fn hash(&self, _: &Password, _: &[u8; 16]) -> Result<String, HashError> {
        Ok(String::new())
    }

    fn verify(&self, _: &Password, _: &str) -> Result<Verdict, HashError> {
        self.entered.notify_one();
        let _ = self.gate.lock().unwrap().recv();
        Ok(Verdict::Wrong)
    }

    fn decoy(&self) -> String {
        String::new()
    }
}

#[tokio::test]
async fn a_full_queue_is_503_with_a_time_to_come_back() {
    let database = TestDatabase::sqlite().await;
    let (entered, (open, gate)) = (Arc::new(Notify::new()), channel());
    let hasher = Standing { entered: Arc::clone(&entered), gate: Mutex::new(gate) };
    let keys = Keys::new(SecretKey::new([7; 32]).unwrap());
    let auth = Auth::builder(database.connect().await, keys).hasher(Arc::new(hasher));
    let service = AuthService::new(auth.hash_slots(1).hash_queue(0).build().unwrap());
    let login = async |service| {
        let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
        Transport::Direct(service).send(Req::post("/login").json(body).build()).await
    };

    let other = service.clone();
    let first = tokio::spawn(async move { login(other).await });
    entered.notified().await;
    let answer = login(service).await.expect_problem(503, "overloaded");
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(answer.member("error"), "temporarily_unavailable");
    drop(open);
    first.await.unwrap().expect_problem(401, "invalid_credentials");
}
