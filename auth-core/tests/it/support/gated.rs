//! A hasher that stands still until the test lets it go on.

use std::sync::{Arc, Mutex, mpsc};

use auth_core::{
    Auth, Error, Login, Password,
    password::{HashError, PasswordHasher, Scratch, Verdict},
    test_util::InsecureHasher,
};
use tokio::sync::Semaphore;

use super::{EMAIL, granted};

/// Checks when the test lets it.
pub(crate) struct Gated {
    hasher: InsecureHasher,
    entered: Arc<Semaphore>,
    gate: Mutex<mpsc::Receiver<()>>,
}

/// A gated hasher, what tells that checks have begun, and what lets them go on.
pub(crate) fn gated() -> (Gated, Arc<Semaphore>, mpsc::Sender<()>) {
    let (entered, (open, gate)) = (Arc::new(Semaphore::new(0)), mpsc::channel());
    (Gated { hasher: InsecureHasher::new(), entered: Arc::clone(&entered), gate: gate.into() }, entered, open)
}

impl PasswordHasher for Gated {
    fn hash(&self, password: &Password, salt: &[u8; 16], scratch: &mut Scratch) -> Result<String, HashError> {
        self.hasher.hash(password, salt, scratch)
    }

    fn verify(&self, password: &Password, stored: &str, scratch: &mut Scratch) -> Result<Verdict, HashError> {
        self.entered.add_permits(1);
        let _ = self.gate.lock().unwrap().recv();
        self.hasher.verify(password, stored, scratch)
    }

    fn decoy(&self) -> String {
        self.hasher.decoy()
    }
}

/// A sign-in as Ada that goes on by itself.
pub(crate) fn start(
    auth: &Auth,
    password: &'static str,
) -> tokio::task::JoinHandle<Result<auth_core::Tokens, Error>> {
    let auth = auth.clone();
    tokio::spawn(async move { granted(auth.login(Login::new(EMAIL, password)).await) })
}
