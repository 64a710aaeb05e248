use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use super::*;

/// Answers when the test ends.
struct Hangs {
    asked: Arc<AtomicUsize>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl BreachChecker for Hangs {
    fn is_breached(&self, _: &Password) -> io::Result<bool> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _ = self.gate.lock().unwrap().recv();
        Ok(true)
    }
}

#[tokio::test]
async fn a_list_that_hangs_is_an_error_soon_and_holds_few_threads() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (open, gate) = mpsc::channel();
    let checker = Arc::new(Hangs { asked: Arc::clone(&asked), gate: gate.into() });
    let breaches = Breaches { wait: Duration::from_millis(1), ..Breaches::new(checker) };
    for _ in 0..3 * AT_ONCE {
        let error = breaches.know(&"correct horse".into()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
    assert!(asked.load(Ordering::SeqCst) <= AT_ONCE, "{asked:?}");
    assert_eq!(breaches.turns.available_permits(), 0);
    drop(open);
    // What hung has ended, and its turns are free.
    let _turns = breaches.turns.acquire_many(8).await.unwrap();
}

/// Panics.
struct Broken;

impl BreachChecker for Broken {
    fn is_breached(&self, _: &Password) -> io::Result<bool> {
        panic!("as a host's checker may")
    }
}

#[tokio::test]
async fn a_checker_that_panics_is_an_error_too() {
    let breaches = Breaches::new(Arc::new(Broken));
    for _ in 0..2 * AT_ONCE {
        assert!(breaches.know(&"correct horse".into()).await.is_err());
    }
}
